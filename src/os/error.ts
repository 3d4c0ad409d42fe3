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

/** Why an address could not be listened on, and what to do. UDP and TCP have ports of their own. */
export function listenRemedy(
  error: Pick<SystemError, 'code' | 'message'>,
  transport: 'UDP' | 'TCP' = 'TCP',
): string {
  switch (error.code) {
    case 'EADDRINUSE': {
      const command = transport === 'UDP' ? 'ss -lunp' : 'ss -ltnp'
      return (
        'the port is in use by another program (EADDRINUSE). ' +
        `Stop that, which ${command} names, or choose another ${transport} port.`
      )
    }
    case 'EACCES':
      return 'no permission (EACCES): ports below 1024 need root or CAP_NET_BIND_SERVICE.'
    case 'EADDRNOTAVAIL':
      return 'the address is not one of this machine (EADDRNOTAVAIL).'
    case 'EAFNOSUPPORT':
      return 'this machine has no IPv6 (EAFNOSUPPORT).'
    case 'EMFILE':
      return 'too many open files (EMFILE): raise the limit (ulimit -n) or use fewer workers.'
    default:
      return error.message
  }
}

/** The address, or its whole family, is not one of this machine. */
export function isAbsentAddress({ code }: SystemError): boolean {
  return code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL'
}
