// Where handlers write their answers. One per worker, made by its socket worker, sent by transfer.ts. Owns the memory.
import { NativeBytes } from '../os/tcp-stream.ts'

/** Handlers write here one after the other; the content belongs to one connection at a time. */
export class Output {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly address: number
  /** Where to write next. Handlers advance it. */
  end = 0
  private readonly memory: NativeBytes

  constructor(bytes: number) {
    this.memory = new NativeBytes(bytes)
    this.bytes = this.memory.bytes
    this.address = this.memory.address
  }
}
