// Lines of text over a local socket, for both sides of a take-over. Used by hand-over.ts and take-over.ts.
import type { Socket } from 'node:net'

/** A line is a word or two: a longer one is not this protocol. */
const LINE_CHARS_MAX = 200

export class LineSocket {
  readonly socket: Socket
  private buffer = ''
  private readonly lines: string[] = []
  private ended = false
  private wake: () => void = () => {}

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => this.receive(text))
    socket.on('end', () => this.end())
    socket.on('close', () => this.end())
    // A close event follows, and is enough.
    socket.on('error', () => {})
  }

  /** True once the other side is gone; lines it sent may still be unread. */
  get isEnded(): boolean {
    return this.ended
  }

  /** The next line; null if the other side is gone or `milliseconds` have passed. */
  async next(milliseconds: number): Promise<string | null> {
    const deadline = performance.now() + milliseconds
    while (this.lines.length === 0 && !this.ended) {
      const left = deadline - performance.now()
      if (left <= 0) return null
      await this.nextData(left)
    }
    return this.lines.shift() ?? null
  }

  send(line: string): void {
    this.socket.write(`${line}\n`)
  }

  /** Closes once the system has accepted all that was sent. */
  close(): Promise<void> {
    if (this.ended) this.socket.destroy()
    if (this.socket.destroyed) return Promise.resolve()
    return new Promise((resolve) => void this.socket.end(() => resolve()))
  }

  private nextData(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  private receive(text: string): void {
    const parts = (this.buffer + text).split('\n')
    this.buffer = parts.pop() ?? ''
    this.lines.push(...parts)
    if (this.buffer.length > LINE_CHARS_MAX) this.socket.destroy()
    this.wake()
  }

  private end(): void {
    this.ended = true
    this.wake()
  }
}
