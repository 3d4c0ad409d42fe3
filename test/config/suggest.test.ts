import { expect, test } from 'bun:test'
import { nearest } from '../../src/config/suggest.ts'

const NAMES = ['interval', 'max_peer_age', 'max_connection_age', 'socket_workers']

test('a slip of the finger finds the name that was meant', () => {
  expect(nearest('intervall', NAMES)).toBe('interval')
  expect(nearest('max-peer-age', NAMES)).toBe('max_peer_age')
  expect(nearest('MAX_PEER_AGE', NAMES)).toBe('max_peer_age')
  expect(nearest('scoket_worker', NAMES)).toBe('socket_workers')
})

test('the nearest of several wins', () => {
  expect(nearest('max_peer_aeg', ['max_per_age', 'max_peer_age'])).toBe('max_peer_age')
})

test('a beginning or an extension finds its name', () => {
  expect(nearest('socket', NAMES)).toBe('socket_workers')
  expect(nearest('interval_seconds', NAMES)).toBe('interval')
})

test('a name whose words are shorter finds its name', () => {
  const names = ['tls_private_key_path', 'tls_certificate_path']
  expect(nearest('tls_cert_path', names)).toBe('tls_certificate_path')
  expect(nearest('tls_private_key', ['tls_certificate_path'])).toBe(null)
  expect(nearest('tls__path', ['tls_certificate_path'])).toBe(null)
})

test('a word of another kind finds nothing', () => {
  expect(nearest('tls_certificate_path', NAMES)).toBe(null)
  expect(nearest('max', NAMES)).toBe(null)
  expect(nearest('', NAMES)).toBe(null)
  expect(nearest('interval', [])).toBe(null)
})
