# Lists what gem list sees in each folder below the one that is named, as JSON: {folder: [[name, version], ...]}.
require 'json'
$stderr.reopen(File::NULL)
root = ARGV[0]
result = {}
(Dir.children(root)).sort.each do |folder|
  specs = []
  Dir.glob(File.join(root, folder, 'specifications', '*.gemspec')).sort.each do |file|
    begin
      stub = Gem::StubSpecification.gemspec_stub(file, File.join(root, folder), File.join(root, folder, 'gems'))
      specs << [stub.name, stub.version.to_s] if stub.valid?
    rescue Exception
    end
    begin
      spec = Gem::Specification.load(file)
      specs << [spec.name, spec.version.to_s] if spec
    rescue Exception
    end
  end
  Dir.glob(File.join(root, folder, '{bundler/gems,vendor}', '*', '*.gemspec')).sort.each do |file|
    begin
      spec = Gem::Specification.load(file)
      specs << [spec.name, spec.version.to_s] if spec
    rescue Exception
    end
  end
  result[folder] = specs.reject { |n, v| n.nil? || v.empty? }.uniq
end
puts JSON.generate(result)
