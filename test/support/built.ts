// Checks that an executable of dist/ is not older than what it is built from. «bun test» builds nothing, so a test
// would otherwise pass or fail for code that is no longer there. Called by whatever starts processes for tests.
import { closeSync, openSync, readSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dir, '../..')

/** Those that have been checked by this process. */
const fresh = new Set<string>()

/** Throws if `path` is an executable in dist/ that has to be built first. Others are not ours to check. */
export function checkBuilt(path: string, root = ROOT): void {
  if (fresh.has(path) || dirname(path) !== join(root, 'dist') || isScript(path)) return
  const name = basename(path)
  // The same comparison by which scripts/test.sh decides whether to build.
  const lib = join(root, 'scripts/lib.sh')
  const { exitCode } = Bun.spawnSync(['sh', '-c', '. "$0"; is_fresh "$1"', lib, name])
  if (exitCode !== 0) {
    throw new Error(
      `dist/${name} is missing, or older than its sources: run ./scripts/test.sh instead of «bun test», ` +
        'which builds it first',
    )
  }
  fresh.add(path)
}

/** One that test/mutation/checkout.ts has put there, which runs from the source. */
function isScript(path: string): boolean {
  try {
    const file = openSync(path, 'r')
    const head = Buffer.alloc(2)
    readSync(file, head)
    closeSync(file)
    return head.toString('latin1') === '#!'
  } catch {
    return false
  }
}
