// Wakes the reader of a ring after records were published. One per receiving thread, in each of its
// senders. Three kinds, for the three ways a thread sleeps; see inbox.ts for the other side.
// Owns nothing: word, descriptor and port belong to the receiver.
import type { MessagePort } from 'node:worker_threads'
import { signalEvent } from '../os/event-fd.ts'
import { claimWake } from './sleep-word.ts'

export interface Waker {
  /** Call it after `publish`. True when the reader slept, and was woken by this call. */
  wake(): boolean
}

/** For a thread that sleeps in Inbox.sleep. */
export class FutexWaker implements Waker {
  private readonly words: Int32Array

  constructor(sleepWord: SharedArrayBuffer) {
    this.words = new Int32Array(sleepWord)
  }

  wake(): boolean {
    if (!claimWake(this.words, 0)) return false
    Atomics.notify(this.words, 0, 1)
    return true
  }
}

/** For a thread that sleeps in poll, with an eventfd among its descriptors. */
export class EventWaker implements Waker {
  private readonly words: Int32Array
  private readonly fd: number

  constructor(sleepWord: SharedArrayBuffer, fd: number) {
    this.words = new Int32Array(sleepWord)
    this.fd = fd
  }

  wake(): boolean {
    if (!claimWake(this.words, 0)) return false
    signalEvent(this.fd)
    return true
  }
}

/** For a thread on an event loop: one message, however many records come before it is handled. */
export class DoorbellWaker implements Waker {
  private readonly words: Int32Array
  private readonly port: MessagePort

  /** The other end of the port belongs to the receiver's Doorbell. */
  constructor(sleepWord: SharedArrayBuffer, port: MessagePort) {
    this.words = new Int32Array(sleepWord)
    this.port = port
  }

  wake(): boolean {
    if (!claimWake(this.words, 0)) return false
    this.port.postMessage(0)
    return true
  }
}
