// A relay between a node and its NATS server that tells messages apart: it may lose, repeat, delay or change each of them, and so
// put them out of order, which a TCP connection alone does not. What is no message passes.
import type { Socket } from 'node:net'
import { Relay } from './relay.ts'

/** One that a node has published, or one that a server hands to it. */
export interface Message {
  readonly subject: string
  readonly payload: Buffer
  readonly isToServer: boolean
}

/** What arrives of a message, and how much later. */
export interface Copy {
  readonly payload: Buffer
  readonly delayMs: number
}

const HEADS = /^(PUB|MSG) (\S+) (.*)$/i

export class MessageRelay extends Relay {
  /** Decides what arrives: nothing, one copy, or several. */
  fate: (message: Message) => readonly Copy[] = unchanged

  protected override carry(from: Socket, to: Socket, isToServer: boolean): void {
    let buffered: Buffer = Buffer.alloc(0)
    from.on('data', (bytes: Buffer) => {
      buffered = Buffer.concat([buffered, bytes])
      for (;;) {
        const lineEnd = buffered.indexOf('\r\n')
        if (lineEnd === -1) return
        const line = buffered.toString('latin1', 0, lineEnd)
        const head = HEADS.exec(line)
        const bodyAt = lineEnd + 2
        const size = head === null ? 0 : Number(line.slice(line.lastIndexOf(' ') + 1)) + 2
        if (buffered.length < bodyAt + size) return
        if (head === null) to.write(buffered.subarray(0, bodyAt))
        else {
          const payload = buffered.subarray(bodyAt, bodyAt + size - 2)
          this.deliver({ subject: head[2], payload, isToServer }, line, to)
        }
        buffered = buffered.subarray(bodyAt + size)
      }
    })
  }

  private deliver(message: Message, line: string, to: Socket): void {
    for (const { payload, delayMs } of this.fate(message)) {
      const head = line.slice(0, line.lastIndexOf(' '))
      const bytes = Buffer.concat([
        Buffer.from(`${head} ${payload.length}\r\n`, 'latin1'),
        payload,
        Buffer.from('\r\n'),
      ])
      if (delayMs === 0) to.write(bytes)
      else setTimeout(() => to.write(bytes), delayMs)
    }
  }
}

export function unchanged({ payload }: Message): readonly Copy[] {
  return [{ payload, delayMs: 0 }]
}
