// packet_path = 'xdp' on a card of its own: what holds for packets of sockets too, with which rights, and what hostile
// frames do to it. The scenarios are in xdp-rules-scenarios.ts and xdp-hostile-scenarios.ts.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { inNamespace } from '../support/namespace.ts'
import { WHY_NO_CARDS } from '../support/xdp.ts'

setDefaultTimeout(180_000)

const RULES = 'xdp-rules-scenarios.ts'
const HOSTILE = 'xdp-hostile-scenarios.ts'

test.skipIf(WHY_NO_CARDS !== '').each([
  ['keeps to the access list, and to another one by a signal', 'accessList', RULES],
  ['forgets peers, and has its part of the statistics', 'forgets', RULES],
  ['keeps to the limits, and measures its answers', 'limits', RULES],
  ['needs four capabilities and no other right', 'capabilities', RULES],
  ['leaves nothing at one card when it cannot have another', 'halfWay', RULES],
  ['leaves nothing behind when a worker fails', 'workerFails', RULES],
  ['is checked by --check, without rights', 'check', RULES],
  ['answers neighbours, and by the router that a request came from', 'neighbours', HOSTILE],
  ['answers nobody who cannot be', 'martians', HOSTILE],
  [
    'answers damaged frames to their senders alone, and with no more than they sent',
    'damaged',
    HOSTILE,
  ],
])(`%s${WHY_NO_CARDS}`, (_, scenario, file) => isGood(scenario, file))

const WHY_NO_TOOLS = ['strace', 'systemd-analyze'].every((name) => Bun.which(name) !== null)
  ? WHY_NO_CARDS
  : ' (skipped: no strace, or no systemd-analyze)'

test.skipIf(WHY_NO_TOOLS !== '')(
  `runs with what the packaged unit and the documented drop-in allow${WHY_NO_TOOLS}`,
  () => isGood('unit', RULES),
)

async function isGood(scenario: string, file: string): Promise<void> {
  const script = join(import.meta.dir, file)
  const { stdout, stderr } = await inNamespace('true', script, [scenario])
  expect(stderr).toBe('')
  expect(stdout).toBe('good\n')
}
