import { expect, test } from 'bun:test'
import { dockerIpv6, ipv6 } from '../../../doctor/host/checks/ipv6.ts'
import { findingNamed, plantedHost, subjectOf, WANTS } from './planted.ts'

const GLOBAL = '20010db8000000000000000000000001 02 40 00 80     eth0\n'
const LINK_LOCAL = 'fe80000000000000000000000000000a 02 40 20 80     eth0\n'
const UNIQUE_LOCAL = 'fd000000000000000000000000000001 02 40 00 80     eth0\n'
const LOOPBACK = '00000000000000000000000000000001 01 80 10 80       lo\n'

const ZERO = '0'.repeat(32)
const routeLine = (flags: string, card: string, destination = ZERO, prefix = '00') =>
  `${destination} ${prefix} ${ZERO} 00 fe800000000000000000000000000001 00000400 00000001 00000000 ${flags} ${card.padStart(8)}\n`
const NO_ROUTE = routeLine('00200200', 'lo')
const STATIC = routeLine('00000003', 'eth0')
const ADVERTISED = routeLine('00450003', 'eth0')

const files = (addresses: string, routes: string, more: Record<string, string> = {}) => ({
  '/proc/net/dev': '\n',
  '/proc/net/if_inet6': addresses,
  '/proc/net/ipv6_route': routes,
  ...more,
})

test('an address and a route are good', () => {
  const findings = ipv6(
    subjectOf(plantedHost(files(LOOPBACK + LINK_LOCAL + GLOBAL, NO_ROUTE + STATIC))),
  )
  expect(findings.map(({ name, severity }) => [name, severity])).toEqual([
    ['ipv6_address', 'good'],
    ['ipv6_route', 'good'],
  ])
})

test.each([
  ['no address', LOOPBACK + LINK_LOCAL, 'no IPv6 address that others can reach'],
  ['a local one', LOOPBACK + UNIQUE_LOCAL, 'only local IPv6 addresses'],
  ['nothing', '', 'no IPv6 address that others can reach'],
])('%s is a warning', (_, addresses, text) => {
  const [finding] = ipv6(subjectOf(plantedHost(files(addresses, NO_ROUTE))))
  expect(finding).toMatchObject({ severity: 'warning', text: expect.stringContaining(text) })
})

test('an address without a route is a fault', () => {
  const findings = ipv6(subjectOf(plantedHost(files(GLOBAL, NO_ROUTE))))
  expect(findingNamed(findings, 'ipv6_route').severity).toBe('fault')
})

test.each([
  ['one that is down', routeLine('00000002', 'eth0')],
  ['one that refuses', routeLine('00000203', 'eth0')],
  ['one to a network', routeLine('00000001', 'eth0', `2001${'0'.repeat(28)}`, '40')],
  ['one to half of all', routeLine('00000001', 'eth0', ZERO, '01')],
])('a route is none: %s', (_, route) => {
  const findings = ipv6(subjectOf(plantedHost(files(GLOBAL, route))))
  expect(findingNamed(findings, 'ipv6_route').severity).toBe('fault')
})

test('a kernel without IPv6, and one that has it disabled', () => {
  expect(ipv6(subjectOf(plantedHost({ '/proc/net/dev': '\n' })))[0].text).toContain('without IPv6')
  const off = files(GLOBAL, STATIC, { '/proc/sys/net/ipv6/conf/all/disable_ipv6': '1\n' })
  const [disabled] = ipv6(subjectOf(plantedHost(off)))
  expect(disabled.remedy).toEndWith('\nsysctl -w net.ipv6.conf.all.disable_ipv6=0')
  expect(disabled.changes).toBeUndefined()
  expect(ipv6(subjectOf(plantedHost({})))[0].text).toContain('unknown')
})

test('a route that expires because forwarding is on', () => {
  const conf = '/proc/sys/net/ipv6/conf/eth0'
  const found = (routes: string, accept: string) =>
    ipv6(
      subjectOf(
        plantedHost(
          files(GLOBAL, routes, { [`${conf}/forwarding`]: '1\n', [`${conf}/accept_ra`]: accept }),
        ),
      ),
    ).filter(({ name }) => name === 'ipv6_advertisements')
  expect(found(ADVERTISED, '1\n')).toMatchObject([
    { severity: 'warning', changes: [{ key: 'net.ipv6.conf.eth0.accept_ra', value: '2' }] },
  ])
  expect(found(ADVERTISED, '2\n')).toEqual([])
  const vlan = '/proc/sys/net/ipv6/conf/eth0.100'
  const route = routeLine('00450003', 'eth0.100')
  const more = { [`${vlan}/forwarding`]: '1\n', [`${vlan}/accept_ra`]: '1\n' }
  const findings = ipv6(subjectOf(plantedHost(files(GLOBAL, route, more))))
  expect(findingNamed(findings, 'ipv6_advertisements').remedy).toEndWith(
    '\nsysctl -w net.ipv6.conf.eth0/100.accept_ra=2',
  )
  expect(found(STATIC, '1\n')).toEqual([])
})

test('settings without IPv6 are only noted', () => {
  const wants = { ...WANTS, ports: WANTS.ports.filter(({ family }) => family === 4) }
  expect(ipv6(subjectOf(plantedHost(files('', '')), wants))).toMatchObject([{ severity: 'note' }])
})

test('Docker', () => {
  const found = (files: Record<string, string>) => dockerIpv6(subjectOf(plantedHost(files)))
  expect(found({})).toEqual([])
  expect(found({ '/sys/class/net/docker0/mtu': '1500\n' })[0].severity).toBe('note')
  const daemon = '/etc/docker/daemon.json'
  expect(found({ [daemon]: '{ "ipv6": true, "ip6tables": true }' })[0].severity).toBe('good')
  expect(found({ [daemon]: '{ "ipv6": true, "ip6tables": false }' })[0].severity).toBe('note')
})
