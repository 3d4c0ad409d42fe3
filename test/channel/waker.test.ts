// Each kind of waker, of a reader that sleeps and of one that does not.
import { expect, test } from 'bun:test'
import { doorbellPort } from '../../src/channel/doorbell.ts'
import { createSleepWord, Inbox } from '../../src/channel/inbox.ts'
import { DoorbellWaker, EventWaker, FutexWaker, type Waker } from '../../src/channel/waker.ts'
import { openEvent } from '../../src/os/event-fd.ts'
import { libc } from '../../src/os/ffi.ts'
import { Poll } from '../../src/os/poll.ts'

/** A reader that nobody wakes sleeps so long; on a busy machine one that is woken may sleep a part of it. */
const SILENT_MS = 500

interface Kind {
  readonly waker: Waker
  /** Whether something was sent since the last call. */
  readonly rang: () => Promise<boolean>
  readonly close: () => void
}

const KINDS: Readonly<Record<string, (word: SharedArrayBuffer) => Kind>> = {
  // Nobody waits here, so there is nothing to see.
  futex: (word) => ({ waker: new FutexWaker(word), rang: async () => false, close: () => {} }),
  event: (word) => {
    const fd = openEvent()
    const poll = new Poll([fd])
    const rang = async () => {
      const before = performance.now()
      poll.wait(SILENT_MS)
      return performance.now() - before < 0.8 * SILENT_MS
    }
    return { waker: new EventWaker(word, fd), rang, close: () => void libc.close(fd) }
  },
  doorbell: (word) => {
    const { bell, heard } = doorbellPort()
    let rings = 0
    heard.on('message', (what) => {
      if (what === 0) rings++
    })
    const rang = async () => {
      // Messages of a port keep their order, so this one comes after the ring.
      const { promise, resolve } = Promise.withResolvers<void>()
      heard.on('message', (what) => what === 1 && resolve())
      bell.postMessage(1)
      await promise
      return rings > 0
    }
    return { waker: new DoorbellWaker(word, bell), rang, close: () => bell.close() }
  },
}

test.each(Object.keys(KINDS))('%s: a thread that is awake is not woken', async (name) => {
  const { waker, rang, close } = KINDS[name](createSleepWord())
  expect(waker.wake()).toBe(false)
  expect(await rang()).toBe(false)
  close()
})

test.each(Object.keys(KINDS))('%s: a sleeping thread is woken, by one', async (name) => {
  const word = createSleepWord()
  const inbox = new Inbox([], word)
  const { waker, rang, close } = KINDS[name](word)
  expect(inbox.maySleep()).toBe(true)
  expect(waker.wake()).toBe(true)
  expect(waker.wake()).toBe(false)
  expect(await rang()).toBe(name !== 'futex')
  expect(inbox.awake()).toBe(false)
  close()
})
