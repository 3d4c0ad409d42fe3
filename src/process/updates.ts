// Updates for a worker at work: settings that change while the tracker runs, a new access list. An update
// has named parts, and whoever a part concerns registers for it (`UpdateHandlers`), so that a worker names
// only what it has. A worker that blocks in system calls never gets to its event loop: its updates wait in a
// port that it can read at any time, and a word of shared memory says that there are any. The main thread
// sends (`UpdateSender`, one per worker); the worker checks once per turn of its loop (worker-updates.ts).
// Owns the port and the word.
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'

/** A cache line: it is read in every turn, and nothing beside it is written. */
const WORDS = 16

/** What a worker's start data hold of this; `port` also has to be in the list of transferred ports. */
export interface UpdateSource {
  readonly port: MessagePort
  /** How many updates have been sent. */
  readonly sent: SharedArrayBuffer
}

/** The handlers of each part; `U` names the parts that an update may have. */
export class UpdateHandlers<U extends object> {
  private readonly handlers: { name: string; apply: (value: never, now: number) => void }[] = []

  /** Several handlers of one part run in the order in which they were added. */
  on<Name extends keyof U & string>(
    name: Name,
    apply: (value: NonNullable<U[Name]>, now: number) => void,
  ): void {
    this.handlers.push({ name, apply })
  }

  /** `now`: seconds of the monotonic clock. A part that nobody takes concerns other workers. */
  apply(update: U, now: number): void {
    const parts = update as Readonly<Record<string, unknown>>
    for (const { name, apply } of this.handlers) {
      if (parts[name] !== undefined) apply(parts[name] as never, now)
    }
  }
}

export class UpdateSender<T> {
  readonly source: UpdateSource
  private readonly port: MessagePort
  private readonly sent: Int32Array

  constructor() {
    const { port1, port2 } = new MessageChannel()
    const sent = new SharedArrayBuffer(WORDS * 4)
    this.port = port1
    // It keeps no process alive.
    this.port.unref()
    this.sent = new Int32Array(sent)
    this.source = { port: port2, sent }
  }

  send(update: T): void {
    this.port.postMessage(update)
    // After the message: whoever sees the number grow finds the message there.
    Atomics.add(this.sent, 0, 1)
  }
}

export class UpdateReceiver<T> {
  private readonly port: MessagePort
  private readonly sent: Int32Array
  private taken = 0

  constructor(source: UpdateSource) {
    this.port = source.port
    this.sent = new Int32Array(source.sent)
  }

  /** The next update, after `isDue`; null if it has not arrived yet: ask again in the next turn. */
  take(): T | null {
    const received = receiveMessageOnPort(this.port)
    if (received === undefined) return null
    this.taken = (this.taken + 1) | 0
    return received.message as T
  }

  // HOT: no allocation below this line.

  isDue(): boolean {
    return Atomics.load(this.sent, 0) !== this.taken
  }
}
