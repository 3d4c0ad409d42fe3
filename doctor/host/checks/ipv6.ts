// Can clients of IPv6 reach this host, today and after the next router advertisement?
import { remedyOf, sysctl } from '../changes.ts'
import { ipv6Addresses, ipv6DefaultRoutes, isUniqueLocal } from '../parse.ts'
import { type HostFinding, type Subject, sysctlNumber, unknown } from '../view.ts'
import { wantsIpv6 } from '../wants.ts'

const COST = 'A fifth to a third of all clients come over IPv6, and some only over it.'

export function ipv6(subject: Subject): HostFinding[] {
  const { host, wants } = subject
  const name = 'ipv6_address'
  if (!wantsIpv6(wants)) {
    return [{ name, severity: 'note', text: `IPv6 is not served by ${wants.source}.`, cost: COST }]
  }
  const table = host.read('/proc/net/if_inet6')
  if (table === null && host.read('/proc/net/dev') === null) {
    return [unknown(name, 'Whether this host has IPv6', '/proc/net/if_inet6')]
  }
  if (table === null) {
    const remedy = 'Remove ipv6.disable=1 from the kernel’s command line, or load the module ipv6.'
    return [
      { name, severity: 'warning', text: 'This kernel runs without IPv6.', cost: COST, remedy },
    ]
  }
  if (sysctlNumber(host, 'net.ipv6.conf.all.disable_ipv6') === 1) {
    const changes = [sysctl('net.ipv6.conf.all.disable_ipv6', 0)]
    // Perhaps on purpose, so --apply leaves it alone.
    const text = 'IPv6 is disabled (net.ipv6.conf.all.disable_ipv6 = 1).'
    const remedy = remedyOf('Enable it, and give the host an address:', changes)
    return [{ name, severity: 'warning', text, cost: COST, remedy }]
  }
  const addresses = ipv6Addresses(table).filter(({ isGlobal, card }) => isGlobal && card !== 'lo')
  const reachable = addresses.filter((address) => !isUniqueLocal(address))
  if (reachable.length > 0) {
    const text = `This host has an IPv6 address on ${reachable[0].card}.`
    return [{ name, severity: 'good', text }, ...route(subject), ...advertisements(subject)]
  }
  const text =
    addresses.length > 0
      ? 'This host has only local IPv6 addresses (fc00::/7).'
      : 'This host has no IPv6 address that others can reach.'
  const remedy = 'Ask the provider for one, and configure it; with Docker, use --network host.'
  return [{ name, severity: 'warning', text, cost: COST, remedy }]
}

function route({ host }: Subject): HostFinding[] {
  const name = 'ipv6_route'
  const routes = ipv6DefaultRoutes(host.read('/proc/net/ipv6_route') ?? '')
  if (routes.length > 0) {
    return [{ name, severity: 'good', text: `IPv6 has a default route through ${routes[0].card}.` }]
  }
  const remedy = 'Add one:\nip -6 route add default via ROUTER dev CARD'
  return [
    {
      name,
      severity: 'fault',
      text: 'IPv6 has an address but no default route.',
      cost: 'Clients of IPv6 get no answer, and wait for one before they try IPv4.',
      remedy,
    },
  ]
}

/** Forwarding, which container engines turn on, makes the kernel ignore routers unless told otherwise. */
function advertisements({ host }: Subject): HostFinding[] {
  const name = 'ipv6_advertisements'
  const advertised = ipv6DefaultRoutes(host.read('/proc/net/ipv6_route') ?? '').filter(
    ({ isAdvertised }) => isAdvertised,
  )
  return advertised.flatMap(({ card }): HostFinding[] => {
    const settings = `net.ipv6.conf.${card.replaceAll('.', '/')}`
    const forwarding = sysctlNumber(host, `${settings}.forwarding`)
    const accepted = sysctlNumber(host, `${settings}.accept_ra`)
    if (forwarding !== 1 || accepted !== 1) return []
    const changes = [sysctl(`${settings}.accept_ra`, 2)]
    return [
      {
        name,
        severity: 'warning',
        text: `The IPv6 default route of ${card} comes from a router’s advertisements, which are ignored while forwarding is on.`,
        cost: 'The route expires some time after a container engine or a virtual machine has turned forwarding on, and IPv6 is gone.',
        remedy: remedyOf('Accept them all the same:', changes),
        changes,
      },
    ]
  })
}

/** Docker filters and translates IPv6 only when told to, in older versions. */
export function dockerIpv6({ host, wants }: Subject): HostFinding[] {
  const name = 'docker_ipv6'
  const settings = host.read('/etc/docker/daemon.json')
  const hasBridge = host.list('/sys/class/net').includes('docker0')
  if (!wantsIpv6(wants) || (settings === null && !hasBridge)) return []
  const isOn = (key: string) => new RegExp(`"${key}"\\s*:\\s*true`).test(settings ?? '')
  if (isOn('ipv6') && isOn('ip6tables')) {
    return [{ name, severity: 'good', text: 'Docker serves IPv6 with ip6tables.' }]
  }
  return [
    {
      name,
      severity: 'note',
      text: 'Docker is on this host, and its settings do not turn on both ipv6 and ip6tables.',
      cost: 'In a bridge, clients of IPv6 reach a container through the userland proxy, which gives all of them one address, or not at all.',
      remedy:
        'Run trackers with --network host, which needs neither; or in /etc/docker/daemon.json:\n' +
        '{ "ipv6": true, "ip6tables": true, "fixed-cidr-v6": "PREFIX/64", "userland-proxy": false }',
    },
  ]
}
