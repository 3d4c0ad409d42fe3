// Scenarios that xdp.test.ts runs in a network namespace: what other programs do to the card of a tracker past the kernel.
import { match, ok } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { addressOf, libc, nativeWords } from '../../src/os/ffi.ts'
import { BPF_LINK_DETACH, SYS_BPF } from '../../src/os/kernel.ts'
import { withTracker } from '../support/tracker.ts'
import { CARD, OWN_CARD, run, THERE, type TwoNetworks } from '../support/two-networks.ts'
import { waitUntil } from '../support/wait.ts'
import { byXdp, meets, runScenario, settings } from './xdp-lab.ts'

const BPF_LINK_GET_FD_BY_ID = 30

/** As `bpftool link detach` does. */
async function detached(networks: TwoNetworks): Promise<void> {
  await withTracker(settings(networks), async (tracker) => {
    await byXdp(8)
    detachAsSomebodyElse(tracker.pid)
    await meets()
    await tracker.waitForOutput(
      new RegExp(`${CARD} come by sockets from now on: somebody else has detached our program`),
    )
    await tracker.waitForOutput(/come by XDP \(native\) from now on/)
    ok(networks.isAttached())
    await byXdp(8)
    // And once more: it lets go of the new link at the end.
    detachAsSomebodyElse(tracker.pid)
    ok(!networks.isAttached())
    await waitUntil('it is attached again', () => networks.isAttached())
    await byXdp(8)
    tracker.signal('SIGTERM')
    await tracker.waitForEnd()
    ok(!networks.isAttached())
  })
}

/** The kernel lets nobody take queues with sockets away, but add others. */
async function queuesChanged(networks: TwoNetworks): Promise<void> {
  const script = join(import.meta.dir, '../support/set-queues.ts')
  const set = (card: string, count: number) => `${process.execPath} ${script} ${card} ${count}`
  run(set(OWN_CARD, 1))
  networks.there(set(CARD, 1))
  await withTracker(settings(networks), async (tracker) => {
    match(tracker.stderr, /1 socket worker/)
    await byXdp(8)
    networks.there(set(CARD, 2))
    const said = /card0 has 2 receive queues now, and had 1 at the start/
    await tracker.waitForOutput(said)
    await byXdp(8)
    await waitUntil('the page says so', async () => said.test(await page()))
  })
}

async function page(): Promise<string> {
  return (await fetch(`http://${THERE.ipv4}:9000/`)).text()
}

function detachAsSomebodyElse(pid: number): void {
  const folder = `/proc/${pid}/fdinfo`
  const infos = readdirSync(folder).map((fd) => readFileSync(join(folder, fd), 'utf8'))
  const id = infos.map((info) => /^link_id:\s*(\d+)/m.exec(info)?.[1]).find(Boolean)
  ok(id !== undefined, 'the tracker has no link')
  const link = bpf(BPF_LINK_GET_FD_BY_ID, Number(id))
  ok(link >= 0 && bpf(BPF_LINK_DETACH, link) === 0, 'the link cannot be detached')
  libc.close(link)
}

function bpf(command: number, operand: number): number {
  const attribute = nativeWords(32)
  attribute[0] = operand
  return libc.syscall(SYS_BPF, command, addressOf(attribute) as never, 128, 0)
}

await runScenario({ detached, queuesChanged })
