// Whether this host's network cards could give UDP packets to a tracker past the kernel, [network] packet_path = 'xdp'
// (docs/kernel-bypass.md): nothing that is wrong, so never more than a note.
import { counted } from '../../../src/config/quantities.ts'
import type { HostFinding, HostView, Subject } from '../view.ts'
import { listed } from '../words.ts'
import { cardsOf } from './cards.ts'

/** Where `packet_path` works in full. */
const KERNEL_MIN = [5, 9] as const
/** Below that, sockets are simpler, and cost a few percent of a core. */
const WORTH_IT = 'It is worth it from some 100,000 packets per second on.'

// As of Linux 6.12. Later kernels know more: 'auto' finds out.
const ZERO_COPY = ['ice', 'i40e', 'ixgbe', 'igc', 'igb', 'mlx5_core', 'stmmac', 'virtio_net']
const NATIVE = [
  ...ZERO_COPY,
  ...['ena', 'gve', 'mlx4_en', 'mlx4_core', 'bnxt_en', 'nfp', 'ixgbevf', 'qede', 'mvneta'],
  ...['mvpp2', 'sfc', 'tsnep', 'hv_netvsc', 'xen_netfront', 'vmxnet3', 'mana', 'thunder-nicvf'],
]

export function kernelBypass({ host, wants }: Subject): HostFinding[] {
  if (!wants.servesUdp) return []
  const found = cardsOf(host)
  if (found.length === 0) return []
  const obstacle = kernelFault(host)
  const text =
    obstacle === ''
      ? `${WORTH_IT} ${found.map(({ name, folder }) => cardText(host, name, folder)).join(' ')}`
      : obstacle
  const subject = 'UDP past the kernel (packet_path): '
  return [{ name: 'kernel_bypass', severity: 'note', text: `${subject}${lower(text)}` }]
}

/** Why no card could; '' if nothing is known against it. */
function kernelFault(host: HostView): string {
  const release = host.read('/proc/sys/kernel/osrelease')?.trim() ?? ''
  const [major, minor] = release.split('.').map(Number)
  const [needed, neededMinor] = KERNEL_MIN
  if (major < needed || (major === needed && minor < neededMinor)) {
    return `not possible, because Linux ${needed}.${neededMinor} is needed, and this is ${release}.`
  }
  const protocols = host.read('/proc/net/protocols')
  if (protocols !== null && !/^XDP\s/m.test(protocols)) {
    return 'not possible, because this kernel was built without CONFIG_XDP_SOCKETS.'
  }
  return ''
}

function cardText(host: HostView, name: string, folder: string): string {
  const driver = host.link(`${folder}/device/driver`)?.split('/').at(-1) ?? null
  const queues = host.list(`${folder}/queues`).filter((queue) => queue.startsWith('rx-')).length
  const what = [
    ...(driver === null ? [] : [`driver ${driver}`]),
    ...(queues === 0 ? [] : [`${counted(queues, 'receive queue')}, a worker for each`]),
  ]
  const shown = what.length === 0 ? name : `${name} (${listed(what)})`
  return `${shown} ${able(driver)}.`
}

function able(driver: string | null): string {
  if (driver === null || !NATIVE.includes(driver)) {
    return "can at least with xdp_mode = 'generic', which gains less"
  }
  return ZERO_COPY.includes(driver) ? 'can natively, perhaps without copying' : 'can natively'
}

function lower(sentence: string): string {
  return `${sentence[0].toLowerCase()}${sentence.slice(1)}`
}
