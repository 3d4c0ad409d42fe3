import { describe, expect, test } from 'bun:test'
import { createSleepWord, Inbox } from '../../src/channel/inbox.ts'
import { createRing, RingReader, RingWriter } from '../../src/channel/ring.ts'
import { EventWaker, FutexWaker } from '../../src/channel/waker.ts'
import { clearEvent, openEvent } from '../../src/os/event-fd.ts'
import { libc } from '../../src/os/ffi.ts'
import { Poll } from '../../src/os/poll.ts'

const LONG_MS = 30_000

function open() {
  const word = createSleepWord()
  const rings = [createRing(64), createRing(64)]
  const inbox = new Inbox(
    rings.map((ring) => new RingReader(ring)),
    word,
  )
  const writers = rings.map((ring) => new RingWriter(ring, 4))
  return { word, inbox, writers }
}

function send(writer: RingWriter): void {
  writer.append(writer.room(1), 1)
  writer.publish()
}

function milliseconds(action: () => void): number {
  const before = performance.now()
  action()
  return performance.now() - before
}

describe('an inbox', () => {
  test('sleeps its time where there is nothing, also a part of a millisecond', () => {
    const { inbox } = open()
    expect(milliseconds(() => inbox.sleep(20))).toBeGreaterThan(19)
    const short = milliseconds(() => {
      for (let i = 0; i < 10; i++) inbox.sleep(0.2)
    })
    expect(short).toBeGreaterThan(1.9)
  })

  test.each([0, 1])('does not sleep on records that ring %d holds', (i) => {
    const { inbox, writers } = open()
    send(writers[i])
    expect(inbox.hasRecords()).toBe(true)
    expect(milliseconds(() => inbox.sleep(LONG_MS))).toBeLessThan(LONG_MS / 2)
    expect(inbox.maySleep()).toBe(false)
  })

  test('is woken by one of its senders, once, and only when it sleeps', () => {
    const { inbox, word, writers } = open()
    const wakers = [new FutexWaker(word), new FutexWaker(word)]
    send(writers[0])
    expect(wakers[0].wake()).toBe(false)
    inbox.readers[0].refresh()
    inbox.readers[0].next()
    expect(inbox.maySleep()).toBe(true)
    expect(wakers[0].wake()).toBe(true)
    expect(wakers[1].wake()).toBe(false)
    expect(inbox.awake()).toBe(false)
  })
})

test('an eventfd ends a poll, also one that begins after it, until it is cleared', () => {
  const fd = openEvent()
  const { inbox, word, writers } = open()
  const waker = new EventWaker(word, fd)
  const poll = new Poll([fd])
  expect(inbox.maySleep()).toBe(true)
  send(writers[0])
  expect(waker.wake()).toBe(true)
  expect(milliseconds(() => poll.wait(LONG_MS))).toBeLessThan(LONG_MS / 2)
  expect(milliseconds(() => poll.wait(LONG_MS))).toBeLessThan(LONG_MS / 2)
  clearEvent(fd)
  clearEvent(fd)
  expect(milliseconds(() => poll.wait(20))).toBeGreaterThan(18)
  libc.close(fd)
})
