// Which external addresses and networks of a site the settings take.
import { expect, test } from 'bun:test'
import { peerAddressSettings } from '../../src/peer-addresses/settings.ts'
import { parseNetwork } from '../../src/tcp/client-address.ts'

type Key = keyof typeof peerAddressSettings.settings

/** What is wrong with a text; '' if nothing is. */
function faultOf(key: Key, text: string): string {
  const result = peerAddressSettings.settings[key].check(text)
  return 'fault' in result ? result.fault : ''
}

test('an external address is one of its family that a machine can have, however it is written', () => {
  for (const text of ['', '9.9.9.9', '192.168.1.1']) expect(faultOf('external_ipv4', text)).toBe('')
  for (const text of ['', '2606:4700::9', 'fd00::1'])
    expect(faultOf('external_ipv6', text)).toBe('')
  for (const text of ['0.0.0.0', '224.0.0.1', '255.255.255.255']) {
    expect(faultOf('external_ipv4', text)).toContain('nobody')
  }
  for (const text of ['::', 'ff02::1']) expect(faultOf('external_ipv6', text)).toContain('nobody')
  for (const text of [
    '::ffff:1.2.3.4',
    '0::ffff:1.2.3.4',
    '0:0:0:0:0:FFFF:102:304',
    '1.2.3.4',
    'fe80::1%eth0',
  ]) {
    expect(faultOf('external_ipv6', text)).toContain('is not an IPv6 address')
  }
  expect(faultOf('external_ipv4', '::1')).toContain('is not an IPv4 address')
})

test('networks of a site are not those of everybody', () => {
  for (const text of ['10.0.0.0/8', '10.0.0.1', 'fd00::/8', '::ffff:10.0.0.0/104']) {
    expect(faultOf('internal_networks', text)).toBe('')
  }
  for (const text of ['0.0.0.0/0', '::/0', '10.0.0.0/0', '::ffff:0:0/96']) {
    expect(faultOf('internal_networks', text)).toContain('all addresses')
  }
})

test('a network of IPv4-mapped addresses that is larger than all of IPv4 is none', () => {
  expect(parseNetwork('::ffff:10.0.0.0/96')).toEqual({ address: '::ffff:10.0.0.0', bits: 96 })
  expect(parseNetwork('::ffff:10.0.0.0/95')).toBeNull()
  expect(parseNetwork('0::ffff:10.0.0.0/64')).toBeNull()
  expect(parseNetwork('::/0')).toEqual({ address: '::', bits: 0 })
})
