<?php
// Lists what composer show and Composer\InstalledVersions see in each folder below the one that is named, as JSON: {folder: [[name, version], …]}.
require $argv[2];
error_reporting(0);

function listed(string $list): array
{
    $out = [];
    try {
        $repository = new Composer\Repository\InstalledFilesystemRepository(new Composer\Json\JsonFile($list));
        foreach ($repository->getPackages() as $p) {
            $out[] = [$p->getName(), $p->getPrettyVersion()];
        }
    } catch (Throwable $e) {
    }
    return $out;
}

function running(string $list): array
{
    $out = [];
    try {
        $data = include $list;
        foreach ($data['versions'] as $name => $v) {
            if (isset($v['pretty_version']) && $name !== ($data['root']['name'] ?? null)) {
                $out[] = [$name, $v['pretty_version']];
            }
        }
    } catch (Throwable $e) {
        return [];
    }
    return $out;
}

$result = [];
foreach (array_diff(scandir($argv[1]), ['.', '..']) as $folder) {
    $result[$folder] = [];
    foreach (glob("$argv[1]/$folder/*/composer") as $dir) {
        if (is_file("$dir/installed.json")) {
            $result[$folder] = array_merge($result[$folder], listed("$dir/installed.json"));
        }
        if (is_file("$dir/installed.php")) {
            $result[$folder] = array_merge($result[$folder], running("$dir/installed.php"));
        }
    }
}
echo json_encode($result, JSON_FORCE_OBJECT & 0 | JSON_INVALID_UTF8_SUBSTITUTE);
