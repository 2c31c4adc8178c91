# ruby read.rb FILE…: reads JUnit files as GitLab does, with ActiveSupport's Hash.from_xml, and prints what it found, as JSON.
require "active_support"
require "active_support/core_ext/array/wrap"
require "active_support/core_ext/hash/conversions"
require "json"
require "nokogiri"

ActiveSupport::XmlMini.backend = "Nokogiri"

def read(file)
  found = { "tests" => 0, "failures" => 0, "errors" => 0, "skipped" => 0, "told" => 0, "attachments" => 0 }
  names = []
  root = Hash.from_xml(File.read(file, encoding: "UTF-8"))
  Array.wrap(root["testsuites"]["testsuite"]).each do |suite|
    Array.wrap(suite["testcase"]).each do |test|
      found["tests"] += 1
      names << [suite["name"], test["classname"], test["name"]]
      # GitLab shows what stands under these keys; a result without a text would be a hash here.
      { "failure" => "failures", "error" => "errors", "skipped" => "skipped" }.each do |tag, key|
        next unless test.key?(tag)

        found[key] += 1
        found["told"] += 1 if test[tag].is_a?(String) && !test[tag].strip.empty?
      end
      found["attachments"] += 1 if test["system_out"].to_s =~ /\[\[ATTACHMENT\|(.+)\]\]/
    end
  end
  found["names"] = names.uniq.length
  found
end

puts JSON.generate(ARGV.to_h { |file| [File.basename(file), read(file)] })
