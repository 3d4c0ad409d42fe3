// Which files --check reads: those of certificates that are in use. What it finds in them: tls.test.ts.
import { expect, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { checkTls, nameOf } from '../../src/tls/tls.ts'
import { Certificates } from '../support/certificates.ts'

const NONE = {
  tls_certificate_path: '',
  tls_private_key_path: '',
  tls_pkcs12_path: '',
  tls_pkcs12_password: '',
}

test('--check looks at files that are used, and named', () => {
  const paths = {
    tls_certificate_path: '/nowhere/cert.pem',
    tls_private_key_path: '/nowhere/key.pem',
  }
  const check = (use_tls: boolean, named: object) =>
    checkTls({ ...NONE, ...named, use_tls }, () => {}).problems.length
  expect(check(true, paths)).toBe(1)
  expect(check(true, { tls_pkcs12_path: '/nowhere/both.p12' })).toBe(1)
  expect(check(false, paths)).toBe(0)
  expect(check(false, { tls_pkcs12_path: '/nowhere/both.p12' })).toBe(0)
  // The check of the settings reports what is missing.
  expect(check(true, {})).toBe(0)
  expect(check(true, { ...paths, tls_private_key_path: '' })).toBe(0)
})

test('a certificate whose subject is empty is one like others', () => {
  const files = new Certificates()
  try {
    files.makeWithoutSubject('nameless', 'a.test')
    const named = {
      ...NONE,
      tls_certificate_path: files.path('nameless.pem'),
      tls_private_key_path: files.path('nameless-key.pem'),
      use_tls: true,
    }
    expect(checkTls(named, () => {})).toEqual({ problems: [], warnings: [] })
    expect(nameOf(new X509Certificate(files.read('nameless.pem')))).toBe('DNS:a.test')
  } finally {
    files.remove()
  }
})
