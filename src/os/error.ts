// A failed system call. Thrown by the files of src/os, and shown to the operator by main threads.
import { getSystemErrorMap } from 'node:util'

/** A system call that failed: `code` is the errno's name, such as EADDRINUSE. */
export class SystemError extends Error {
  override name = 'SystemError'
  readonly code: string

  constructor(call: string, number: number) {
    const [code, text] = getSystemErrorMap().get(-number) ?? [`errno ${number}`, 'unknown error']
    super(`${call}: ${text} (${code})`)
    this.code = code
  }
}
