// One HTTP connection between a client and the tracker, with the faults that a test asks for: each request is lost,
// answered with a failure, or passed on, perhaps later. Made by session.ts for each connection of its relay.
import type { Conversation, Ends } from './tcp-relay.ts'

const HEAD_END = '\r\n\r\n'
/** Beyond this the tracker says what is wrong. */
const HEAD_BYTES_MAX = 65_536

const NOTHING = Buffer.alloc(0)

export class HttpConversation implements Conversation {
  private readonly ends: Ends
  private waiting = NOTHING
  /** What follows is not the head of a request, or is too long for one. */
  private isRaw = false
  /** A request was lost: the client waits in vain. */
  private isMute = false
  private delayMs = 0

  constructor(ends: Ends) {
    this.ends = ends
  }

  fromClient(bytes: Buffer): void {
    if (this.isMute) return
    this.waiting = Buffer.concat([this.waiting, bytes])
    while (!this.isRaw && !this.isMute) {
      const end = this.waiting.indexOf(HEAD_END)
      if (end < 0) break
      const head = this.waiting.subarray(0, end + HEAD_END.length)
      this.waiting = this.waiting.subarray(head.length)
      this.request(head)
    }
    if (this.waiting.length > HEAD_BYTES_MAX) this.isRaw = true
    if (this.isRaw) this.passRest()
  }

  fromTracker(bytes: Buffer): void {
    if (!this.isMute) this.ends.toClient(bytes)
  }

  clientEnds(): void {
    this.passRest()
    this.later(() => this.ends.endTracker())
  }

  private passRest(): void {
    const { waiting } = this
    this.waiting = NOTHING
    if (waiting.length > 0 && !this.isMute) this.later(() => this.ends.toTracker(waiting))
  }

  private request(head: Buffer): void {
    const { source } = this.ends
    if (source.loses()) {
      this.isMute = true
      return
    }
    this.delayMs = source.faults.delayMs
    const text = head.toString('latin1')
    const { error } = source.faults
    this.isRaw = /^(content-length:\s*[1-9]|transfer-encoding:)/im.test(text)
    if (error === null || !/^GET [^ ]*\/(announce|scrape)/.test(text)) {
      this.later(() => this.ends.toTracker(head))
      return
    }
    this.later(() => {
      this.ends.toClient(httpFailure(error))
      // The tracker closes its side, and so that of the client.
      if (/^connection:.*close/im.test(text) || text.includes(' HTTP/1.0\r\n'))
        this.ends.endTracker()
    })
  }

  private later(act: () => void): void {
    if (this.delayMs === 0) act()
    else setTimeout(act, this.delayMs)
  }
}

/** As the tracker writes its own. */
export function httpFailure(reason: string): Buffer {
  const bytes = Buffer.from(reason)
  const body = Buffer.concat([
    Buffer.from(`d14:failure reason${bytes.length}:`),
    bytes,
    Buffer.from('e'),
  ])
  const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body])
}
