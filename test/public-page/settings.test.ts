import { expect, test } from 'bun:test'
import {
  type PublicPageConfig,
  publicPageFindings,
  publicPagePortFindings,
  publicPageSettings,
  publicPageSettingsHttp,
  URLS_MAX,
} from '../../src/public-page/settings.ts'

const { address, host_names, announce_urls } = publicPageSettings.settings
const OFF = { address: '', host_names: '', announce_urls: '' }
const NO_OPERATIONS = { address: '' }

function found(config: Partial<PublicPageConfig>, operations = NO_OPERATIONS): string[] {
  return publicPageFindings({ ...OFF, ...config }, operations).map(({ kind, paths }) => {
    return `${kind} ${paths[0]}`
  })
}

test('nothing is served until it is wanted', () => {
  expect(address.defaultValue).toBe('')
  expect(publicPageSettingsHttp.settings.on_http_port.defaultValue).toBe(false)
  expect(found({})).toEqual([])
})

test.each(['tracker.example.com', '192.0.2.1', '2001:db8::1', ''])('%p is a name', (name) => {
  expect(host_names.check(name)).toEqual({ value: name })
})

test.each([
  ['https://tracker.example.com/announce', 'tracker.example.com'],
  ['tracker.example.com:3000', 'tracker.example.com'],
  ['[2001:db8::1]:3000', '2001:db8::1'],
  ['a b', 'tracker.example.com'],
  ['<script>', 'tracker.example.com'],
  // The page could not make URLs of these.
  ['fe80::1%eth0', 'fe80::1'],
  ['192.0.2.256', 'tracker.example.com'],
])('%p is none; proposed is %p', (text, name) => {
  expect(host_names.check(text)).toHaveProperty(
    'remedy',
    `Write it without scheme and port, such as '${name}'`,
  )
})

test.each([
  ['udp://a.example:3000/announce', true],
  ['wss://a.example', true],
  ['ftp://a.example/announce', false],
  ['a.example:3000', false],
  ['https://', false],
  ['https://a b/announce', false],
  ['javascript://a.example', false],
  ['udp://a.example/<b>', false],
  ["udp://a.example/'&", false],
  [`https://a.example/${'a'.repeat(256)}`, false],
])('%p as an announce URL: %p', (url, isOne) => {
  expect('value' in announce_urls.check(url)).toBe(isOne)
})

test('a page without URLs, URLs without a page, and too many of them are told of', () => {
  expect(found({ address: '127.0.0.1:1' })).toEqual(['warning public_page.address'])
  expect(found({ on_http_port: true })).toEqual(['warning public_page.address'])
  expect(found({ on_http_port: false, host_names: 'a.example' })).toEqual([
    'warning public_page.address',
  ])
  expect(found({ on_http_port: true, host_names: 'a.example' })).toEqual([])
  expect(found({ address: '127.0.0.1:1', announce_urls: 'udp://a.example:1' })).toEqual([])
  const many = Array.from({ length: URLS_MAX + 1 }, (_, i) => `udp://a.example:${i}`)
  expect(found({ address: '127.0.0.1:1', announce_urls: many })).toEqual([
    'problem public_page.host_names',
  ])
})

test('a port that something else has is a problem', () => {
  const page = { address: '0.0.0.0:9000', host_names: 'a.example' }
  expect(found(page, { address: '127.0.0.1:9000' })).toEqual(['problem public_page.address'])
  expect(found(page, { address: '127.0.0.1:9001' })).toEqual([])
  const network = { address: '127.0.0.1:9000', address_ipv6: '', ipv6_only: false }
  expect(publicPagePortFindings({ ...OFF, ...page }, network)).toHaveLength(1)
  expect(publicPagePortFindings(OFF, network)).toEqual([])
  const wide = { ...OFF, address: '[::]:9000' }
  expect(publicPagePortFindings(wide, network)).toHaveLength(1)
})
