// Lines of text over a local socket, as both sides of a take-over speak them. Used by hand-over.ts and
// take-over.ts. Owns nothing but what has been received.
import type { Socket } from 'node:net'

/** A line is a word or two: whoever sends more speaks another language. */
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
    // A close follows, and tells as much.
    socket.on('error', () => {})
  }

  /** The other side is gone; lines that it has sent may still be there. */
  get isEnded(): boolean {
    return this.ended
  }

  /** The next line; null when the other side is gone, or `milliseconds` have passed. */
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

  /** Closes when what was sent has been taken over by the system. */
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
