import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { Doorbell, doorbellPort } from '../../src/channel/doorbell.ts'
import { createSleepWord, Inbox } from '../../src/channel/inbox.ts'
import { createRing, RingReader, RingWriter } from '../../src/channel/ring.ts'
import { DoorbellWaker } from '../../src/channel/waker.ts'
import { type DoorbellReport, REPORT } from './doorbell-worker.ts'

setDefaultTimeout(180_000)

let receiver: Worker | undefined
afterEach(async () => {
  await receiver?.terminate()
})

interface Sender {
  readonly writer: RingWriter
  readonly waker: DoorbellWaker
}

async function start(senders: number): Promise<{ worker: Worker; ends: Sender[] }> {
  const sleepWord = createSleepWord()
  const rings = Array.from({ length: senders }, () => createRing(1024))
  const bells = rings.map(() => doorbellPort())
  const ports = bells.map(({ heard }) => heard)
  const worker = new Worker(new URL('doorbell-worker.ts', import.meta.url), {
    workerData: { doorbell: { rings, sleepWord, ports } },
    transferList: ports,
  })
  receiver = worker
  await once(worker, 'message')
  const ends = rings.map((ring, i) => ({
    writer: new RingWriter(ring, 1),
    waker: new DoorbellWaker(sleepWord, bells[i].bell),
  }))
  return { worker, ends }
}

/** Writes records and rings once; returns whether the bell had to be rung. */
function send({ writer, waker }: Sender, payloads: readonly number[]): boolean {
  for (const payload of payloads) {
    while (writer.room(1) === 0) {
      if (writer.publish()) waker.wake()
      writer.waitForRoom(1, 1000)
    }
    const at = writer.room(1)
    writer.words[at] = payload
    writer.append(at, 1)
  }
  return writer.publish() && waker.wake()
}

async function report(worker: Worker, sender: Sender): Promise<DoorbellReport> {
  const answer = once(worker, 'message')
  send(sender, [REPORT])
  const [message] = await answer
  return message as DoorbellReport
}

test('a ring on the bell has an event loop take the records', async () => {
  const { worker, ends } = await start(1)
  const first = await report(worker, ends[0])
  expect(first.records).toBe(0)
  send(ends[0], [1, 2, 3])
  expect(await report(worker, ends[0])).toMatchObject({ sum: 6, records: 3 })
})

test('records of several senders arrive, many to a call', async () => {
  const { worker, ends } = await start(3)
  const each = 20_000
  for (let i = 0; i < each; i++) for (const end of ends) send(end, [1])
  for (const end of ends) await report(worker, end)
  const { records, calls } = await report(worker, ends[0])
  expect(records).toBe(each * ends.length)
  expect(calls).toBeLessThan(records / 2)
})

test('the bell of a receiver that knows already is not rung again', async () => {
  const { worker, ends } = await start(2)
  await report(worker, ends[0])
  let rung = 0
  for (let i = 0; i < 10_000; i++) if (send(ends[i % 2], [1])) rung++
  expect((await report(worker, ends[0])).records).toBeGreaterThan(5000)
  expect(rung).toBeGreaterThan(0)
  expect(rung).toBeLessThan(5000)
})

test('a receiver that has closed its bell can end', async () => {
  const { worker } = await start(1)
  const ended = once(worker, 'exit')
  worker.postMessage('close')
  await ended
})

/** A receiver in this thread, whose ring is never empty when `isBusy`. */
function localReceiver(isBusy: boolean) {
  const ring = createRing(64)
  const writer = new RingWriter(ring, 1)
  const reader = new RingReader(ring)
  const { bell, heard } = doorbellPort()
  let calls = 0
  const add = () => {
    writer.append(writer.room(1), 1)
    writer.publish()
  }
  const doorbell = new Doorbell(new Inbox([reader], createSleepWord()), [heard], () => {
    calls++
    reader.refresh()
    while (reader.next() !== 0);
    reader.release()
    if (isBusy && calls < 1000) add()
  })
  return { doorbell, bell, calls: () => calls }
}

test('a receiver that always has something lets other events have their turn', async () => {
  const { doorbell, calls } = localReceiver(true)
  const rounds = calls()
  expect(rounds).toBe(16)
  await new Promise(setImmediate)
  expect(calls()).toBe(2 * rounds)
  doorbell.close()
})

test('a bell that was closed is served no more, whether it was about to or is rung', async () => {
  const busy = localReceiver(true)
  const idle = localReceiver(false)
  busy.doorbell.close()
  idle.doorbell.close()
  const before = [busy.calls(), idle.calls()]
  idle.bell.postMessage(0)
  // Messages of an open port arrive before those sent later.
  const { port1, port2 } = new MessageChannel()
  const later = new Promise((resolve) => {
    port2.onmessage = resolve
  })
  port1.postMessage(0)
  await later
  for (let i = 0; i < 3; i++) await new Promise(setImmediate)
  expect([busy.calls(), idle.calls()]).toEqual(before)
  port1.close()
})
