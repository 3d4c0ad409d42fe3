// An inbox for a thread that lives on its event loop, such as a server's: a callback runs when there
// are records. Used by workers of the WebTorrent tracker. Owns the ports it listens on.
//
// Main makes a channel of ports for each sender, `doorbellPort`, and transfers the two ends with the
// start messages: one to the sender's DoorbellWaker, one to this thread. A sender rings only when
// this thread has said that it is idle, so a port never holds more than one message per sender.
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { Inbox } from './inbox.ts'

/** Rounds in a row before other events get a turn: timers, sockets, the next message. */
const ROUNDS_MAX = 16

export interface DoorbellPort {
  /** For the sender's waker. */
  readonly bell: MessagePort
  /** For the receiver. */
  readonly heard: MessagePort
}

export function doorbellPort(): DoorbellPort {
  const { port1, port2 } = new MessageChannel()
  return { bell: port1, heard: port2 }
}

export class Doorbell {
  private readonly inbox: Inbox
  private readonly ports: readonly MessagePort[]
  private readonly takeRecords: () => void
  private again: ReturnType<typeof setImmediate> | undefined

  /** `takeRecords` reads, and releases, what the inbox's rings hold. It is called once at the start. */
  constructor(inbox: Inbox, ports: readonly MessagePort[], takeRecords: () => void) {
    this.inbox = inbox
    this.ports = ports
    this.takeRecords = takeRecords
    for (const port of ports) port.on('message', () => this.serve())
    this.serve()
  }

  close(): void {
    clearImmediate(this.again)
    for (const port of this.ports) port.close()
  }

  private serve(): void {
    // This thread is awake, whoever rang; it may have been about to serve anyway.
    this.inbox.awake()
    clearImmediate(this.again)
    this.again = undefined
    for (let round = 0; round < ROUNDS_MAX; round++) {
      this.takeRecords()
      if (this.inbox.maySleep()) return
    }
    this.again = setImmediate(() => this.serve())
  }
}
