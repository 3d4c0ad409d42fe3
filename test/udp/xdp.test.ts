// packet_path = 'xdp' on a card of its own: what the tracker takes from it and what it leaves, what may happen to the
// card, and what is refused. The scenarios are in xdp-*scenarios.ts.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { inNamespace } from '../support/namespace.ts'
import { WHY_NO_CARDS } from '../support/xdp.ts'

setDefaultTimeout(180_000)

test.skipIf(WHY_NO_CARDS !== '').each([
  ['serves in each mode, and nothing stays attached', 'serves', 'xdp-scenarios.ts'],
  [
    'leaves to the kernel what is not for it, and what has an unusual form',
    'passes',
    'xdp-scenarios.ts',
  ],
  ['answers nothing that is no good packet, and goes on', 'badFrames', 'xdp-scenarios.ts'],
  ['answers with the same frames as the sockets', 'sameFrames', 'xdp-scenarios.ts'],
  ['is not kept from requests by a flood of other packets', 'flood', 'xdp-scenarios.ts'],
  ['survives clients that take no answers', 'deafClient', 'xdp-scenarios.ts'],
  ['goes on when the link was down', 'linkDown', 'xdp-card-scenarios.ts'],
  ['goes on without its card, and does not spin', 'cardRemoved', 'xdp-card-scenarios.ts'],
  [
    'goes back to sockets while the MTU is too small for its answers',
    'mtuChanged',
    'xdp-card-scenarios.ts',
  ],
  [
    'goes back to sockets while the card has another Ethernet address',
    'ethernetAddressChanged',
    'xdp-card-scenarios.ts',
  ],
  ['goes on when somebody detaches its program', 'detached', 'xdp-change-scenarios.ts'],
  ['says so when its card gets more queues', 'queuesChanged', 'xdp-change-scenarios.ts'],
  ['serves addresses of the loopback interface', 'loopbackAddress', 'xdp-card-scenarios.ts'],
  ['says whose the card is', 'held', 'xdp-card-scenarios.ts'],
  ['says in one line why it cannot start', 'refused', 'xdp-card-scenarios.ts'],
  ['serves a card with long frames', 'jumbo', 'xdp-scenarios.ts'],
  ['leaves nothing behind when it is killed', 'killed', 'xdp-card-scenarios.ts'],
  ['follows the addresses of the machine, without rights', 'addresses', 'xdp-card-scenarios.ts'],
  ['hands its card over to the process that takes its place', 'takeOver', 'xdp-card-scenarios.ts'],
  ['serves as one of several protocols', 'allProtocols', 'xdp-card-scenarios.ts'],
  ['has one worker for each queue, or says what else', 'queues', 'xdp-scenarios.ts'],
])(`%s${WHY_NO_CARDS}`, async (_, scenario, file) => {
  const script = join(import.meta.dir, file)
  const { stdout, stderr } = await inNamespace('true', script, [scenario])
  expect(stderr).toBe('')
  expect(stdout).toBe('good\n')
})
