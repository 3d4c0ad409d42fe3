// Peers whose address nobody else can reach, over HTTP: they are answered, with a warning, but no other peer gets
// them. And the addresses that clients name, or proxies for them.
import { describe, expect, test } from 'bun:test'
import { HttpProxies } from '../../../src/http/worker/proxies.ts'
import { Networks } from '../../../src/tcp/networks.ts'
import { addressesFor } from '../../peer-addresses/rules-for.ts'
import { announceTarget, compactPeers, HttpHarness } from '../harness.ts'

const PUBLIC4 = '1.1.1.1'
const PUBLIC6 = '2606:4700::1'
const PRIVATE_WARNING =
  'Your peer is not given to others: its address is private, and those of other clients are public'
const RESERVED_WARNING =
  'Your peer is not given to others: its address is reserved, and nobody can reach it'

function harnessWith(...options: Parameters<typeof addressesFor>): HttpHarness {
  return new HttpHarness({ addresses: addressesFor(...options), believesAddresses: true })
}

/** The peers that a public client gets. */
function peersOf(harness: HttpHarness): string[] {
  const { peers } = harness.ask(announceTarget({ port: 9 }), '8.8.8.8')
  return compactPeers(peers, 4)
}

describe('a peer that is not stored', () => {
  test.each([
    ['192.168.1.5', PRIVATE_WARNING, 'private'],
    ['127.0.0.1', PRIVATE_WARNING, 'private'],
    ['100.100.0.1', PRIVATE_WARNING, 'private'],
    ['203.0.113.7', RESERVED_WARNING, 'reserved'],
    ['169.254.1.1', RESERVED_WARNING, 'reserved'],
  ])('at %s gets peers and a warning', (address, warning, kind) => {
    const harness = harnessWith()
    harness.ask(announceTarget(), PUBLIC4)
    harness.forgetCounts()
    const answer = harness.ask(announceTarget(), address)
    expect(compactPeers(answer.peers, 4)).toEqual(['1.1.1.1:6881'])
    expect(answer['warning message']).toBe(warning)
    expect(answer.incomplete).toBe(1)
    expect(harness.counts).toEqual({
      requests_announce: 1,
      responses_announce: 1,
      [`rejected_${kind}_address`]: 1,
    } as never)
    expect(peersOf(harness)).toEqual(['1.1.1.1:6881'])
  })

  test('over IPv6 too', () => {
    const harness = harnessWith()
    harness.ask(announceTarget(), PUBLIC6)
    const answer = harness.ask(announceTarget({ port: 5 }), 'fd00::5')
    expect(answer['warning message']).toBe(PRIVATE_WARNING)
    expect(compactPeers(answer.peers6 ?? '', 16)).toHaveLength(1)
    expect(harness.ask(announceTarget({ port: 6 }), 'fe80::5')['warning message']).toBe(
      RESERVED_WARNING,
    )
  })

  test('that wants a list gets one with the warning behind it', () => {
    const harness = harnessWith()
    harness.ask(announceTarget(), PUBLIC4)
    const answer = harness.ask(announceTarget({ more: '&compact=0' }), '10.0.0.1')
    expect(answer.peers).toEqual([{ ip: '1.1.1.1', port: 6881 }] as never)
    expect(answer['warning message']).toBe(PRIVATE_WARNING)
  })

  test('a stored one gets no warning', () => {
    const harness = harnessWith()
    expect(harness.ask(announceTarget(), '192.168.1.5')['warning message']).toBeUndefined()
    expect(harness.ask(announceTarget(), PUBLIC4)['warning message']).toBeUndefined()
  })
})

describe('an address that the client names', () => {
  test.each([
    ['&ip=10.0.0.1', '1.1.1.1:5'],
    ['&ip=127.0.0.1', '1.1.1.1:5'],
    ['&ip=203.0.113.9', '1.1.1.1:5'],
    ['&ip=169.254.1.1', '1.1.1.1:5'],
    ['&ipv4=192.168.0.1', '1.1.1.1:5'],
    ['&ip=4.4.4.4', '4.4.4.4:5'],
  ])('%s of a public client makes it a peer at %s', (more, peer) => {
    const harness = harnessWith()
    harness.ask(announceTarget({ port: 5, more }), PUBLIC4)
    expect(peersOf(harness)).toEqual([peer])
  })

  test('does not get the external address unless it comes from inside', () => {
    const harness = harnessWith({ internal: ['10.0.0.0/8'], externalIPv4: '9.9.9.9' })
    harness.ask(announceTarget({ port: 5, more: '&ip=10.0.0.1' }), PUBLIC4)
    harness.ask(announceTarget({ port: 6, more: '&ip=10.0.0.1' }), '10.0.0.2')
    expect(peersOf(harness).toSorted()).toEqual(['1.1.1.1:5', '9.9.9.9:6'])
  })
})

test('the address that counts is the one that a trusted proxy names', () => {
  const harness = harnessWith()
  harness.handler.setProxies(new HttpProxies(new Networks(['127.0.0.1']), 'X-Forwarded-For'))
  const ask = (client: string, port: number) => {
    const target = announceTarget({ port })
    const text = `GET ${target} HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: ${client}\r\n\r\n`
    return harness.send(text, '127.0.0.1')
  }
  ask(PUBLIC4, 5)
  ask('10.0.0.1', 6)
  ask('203.0.113.1', 7)
  expect(harness.counts).toMatchObject({
    rejected_private_address: 1,
    rejected_reserved_address: 1,
  })
  harness.handler.setProxies(null)
  expect(peersOf(harness)).toEqual(['1.1.1.1:5'])
})
