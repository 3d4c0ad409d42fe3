// A program of the test beside it: the swarms are damaged, so that every walk through them fails under a
// table's lock, and the caller catches that, as it does with a full disk.
// Usage: bun failure-under-lock.ts CASE FOLDER
import { join } from 'node:path'
import { logFor } from '../../src/log/log.ts'
import { CountState } from '../../src/persistence/count-state.ts'
import { loadSnapshot } from '../../src/persistence/read.ts'
import { ScrapeExport } from '../../src/persistence/scrape-export.ts'
import { writeSnapshot } from '../../src/persistence/write.ts'
import { Survey } from '../../src/swarm/walks/survey.ts'
import { Harness } from '../swarm/harness.ts'

const [, , name, folder] = process.argv
const BOOT = new Uint8Array(16).fill(3)
const path = join(folder, 'file')

/** Any use of a table's memory throws. */
function damage({ tables }: Harness): void {
  for (const table of tables) Object.defineProperty(table, 'words', { value: null })
}

function filled(): Harness {
  const harness = new Harness()
  for (const family of ['ipv4', 'ipv6', 'websocket'] as const) {
    for (let peer = 0; peer < 3; peer++) harness.announce(family, 1, peer)
  }
  return harness
}

const request = { path, bootId: BOOT, gently: false, mustStop: () => false }
const now = { bootId: BOOT, monotonic: 1000, wall: 1000 }

const CASES: Record<string, (harness: Harness, undamaged: Harness) => unknown> = {
  'writing a snapshot': ({ swarms }) => writeSnapshot({ ...request, swarms }),
  'loading a snapshot': async ({ swarms }, undamaged) => {
    await writeSnapshot({ ...request, swarms: undamaged.swarms })
    loadSnapshot({ path, swarms, now, maxAge: 1e6, countDownloads: true })
  },
  'writing counts': ({ swarms }) => new CountState(swarms, true, 100).write(request),
  'loading counts': async ({ swarms }, undamaged) => {
    undamaged.announce('websocket', 1, 0, { seeder: true, completed: true })
    await new CountState(undamaged.swarms, true, 100).write(request)
    new CountState(swarms, true, 100).load(path)
  },
  'the scrape export': ({ swarms }) => new ScrapeExport(path, swarms, logFor('export')).writeNow(),
  'the survey': ({ swarms }) => new Survey(swarms).run(),
}

const harness = filled()
damage(harness)
try {
  await CASES[name](harness, filled())
} catch {
  process.stdout.write('caught')
}
process.stdout.write('goes on')
