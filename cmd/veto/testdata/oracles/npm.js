// Lists what npm ls sees in each folder below the one that is named, as JSON: {folder: [[name, version], …]}. One process loads all trees with
// the library that npm ls is made of. What has no name is called by its place.
const fs = require('fs'), path = require('path')
const npm = fs.realpathSync(process.argv[3])
const Arborist = require(require.resolve('@npmcli/arborist', {paths: [npm, path.dirname(npm)]}))

async function listed (dir) {
  const tree = await new Arborist({path: dir}).loadActual()
  const out = []
  for (const node of tree.inventory.values()) {
    if (!node.isRoot && !node.isLink) out.push([node.packageName || node.location, String(node.version || '')])
  }
  return out
}

(async () => {
  const root = process.argv[2], result = {}
  for (const folder of fs.readdirSync(root).sort()) {
    try {
      result[folder] = await listed(path.join(root, folder))
    } catch (e) {
      console.error(folder, e)
      result[folder] = []
    }
  }
  process.stdout.write(JSON.stringify(result))
})()
