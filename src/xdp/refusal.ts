// Why a network card cannot be used past the kernel, in a sentence for the operator with what to do. Used by
// udp/main/xdp.ts and the load generator.
import { SystemError } from '../os/error.ts'

/** Somebody else has it, for now or for good. */
export function isBusy(error: unknown): boolean {
  return error instanceof SystemError && (error.code === 'EBUSY' || error.code === 'EEXIST')
}

/** `error`: of XdpCard, for the card `name`. Other errors are bugs, and thrown again. */
export function refusalText(error: unknown, name: string): string {
  if (!(error instanceof SystemError)) throw error
  const { code, message } = error
  const call = message.slice(0, message.indexOf(':'))
  switch (code) {
    case 'EPERM':
    case 'EACCES':
      return 'no permission (EPERM): that needs a start as root, or CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF'
    case 'ENOSYS':
      return 'this kernel has no BPF (ENOSYS): Linux 5.9 or later is needed, with CONFIG_BPF_SYSCALL'
    case 'EAFNOSUPPORT':
      return 'this kernel has no AF_XDP (EAFNOSUPPORT): it was built without CONFIG_XDP_SOCKETS'
    case 'ENOBUFS':
      return 'the system lets us lock too little memory (ENOBUFS): raise the limit (ulimit -l, LimitMEMLOCK=), or give CAP_IPC_LOCK'
    case 'EBUSY':
    case 'EEXIST':
      return call.startsWith('bind')
        ? `another program has a receive queue of ${name} (${code}): stop that, which ss --xdp -p names`
        : `another program is attached to ${name} (${code}): stop that, or detach it (ip link set dev ${name} xdp off)`
    case 'ENODEV':
      return `there is no network interface ${name} any more (ENODEV)`
    case 'EOPNOTSUPP':
      return `the driver of ${name} has no native XDP (EOPNOTSUPP): set xdp_mode = 'generic' or 'auto'`
    case 'EINVAL':
    case 'ERANGE':
      if (call.startsWith('bpf (link)')) {
        return `${name} cannot take the program (${code}): its MTU is too large for XDP, or the kernel is older than Linux 5.9`
      }
      return `${name}: ${message}`
    default:
      return `${name}: ${message}`
  }
}
