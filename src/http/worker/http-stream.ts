// HTTP for src/tcp: connects the bytes of a connection with the handler of requests. One per worker, called for
// each request.

import { HEAD_BYTES_MAX } from '../../http-head/layout.ts'
import type { Connection, StreamHandler } from '../../tcp/connection.ts'
import type { Guest } from '../../tcp/guest.ts'
import type { Output } from '../../tcp/output.ts'
import { ANSWER_BYTES_MAX } from '../wire/layout.ts'
import { HttpRequest } from '../wire/request.ts'
import { type Handler, UPGRADES } from './handle.ts'

export class HttpStream implements StreamHandler {
  readonly lasts = false
  readonly answerBytesMax = ANSWER_BYTES_MAX
  readonly requestBytesMax = HEAD_BYTES_MAX
  /** Every connection ends with its first answer. */
  closesAll = false
  private guest: Guest | null = null
  private readonly request = new HttpRequest()
  private readonly handler: Handler
  private readonly output: Output

  constructor(handler: Handler, output: Output) {
    this.handler = handler
    this.output = output
    this.request.out = output.bytes
  }

  /** From now on requests for its protocol are the guest's. */
  welcome(guest: Guest): void {
    this.guest = guest
    this.handler.hasGuest = true
  }

  // HOT: no allocation below this line.

  consume(connection: Connection, input: Uint8Array, from: number, to: number): number {
    const request = this.begin(connection)
    request.mustClose = this.closesAll || connection.closing
    const used = this.handler.serve(request, input, from, to, connection.looked)
    if (used === 0) {
      connection.looked = to - from
      return 0
    }
    if (used === UPGRADES) return this.handOver(connection, input, from, to)
    this.output.end = request.end
    connection.closing = request.close
    connection.lingers = request.isUnread
    return used
  }

  /** The guest reads the whole request anew. */
  private handOver(connection: Connection, input: Uint8Array, from: number, to: number): number {
    if (this.guest === null) return 0
    return this.guest.consume(connection, input, from, to)
  }

  expired(connection: Connection): void {
    this.handler.timeOut(this.begin(connection))
    this.output.end = this.request.end
  }

  refused(connection: Connection): void {
    this.handler.turnAway(this.begin(connection))
    this.output.end = this.request.end
  }

  drained(): void {}

  ended(): void {}

  private begin(connection: Connection): HttpRequest {
    const { request } = this
    const { source } = request
    request.isLocal = connection.unix
    request.isAnonymous = connection.isAnonymous
    source.ipv4 = connection.ipv4
    source.a0 = connection.a0
    source.a1 = connection.a1
    source.a2 = connection.a2
    source.a3 = connection.a3
    request.to = this.output.end
    return request
  }
}
