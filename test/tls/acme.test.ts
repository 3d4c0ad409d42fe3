// A certificate by ACME from authorities that do as they like, in place of the library's client.
import { afterAll, beforeAll, expect, mock, setDefaultTimeout, spyOn, test } from 'bun:test'
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../../src/log/log.ts'
import { Acme, isDue, prepareAcme } from '../../src/tls/acme.ts'
import { readTlsFiles } from '../../src/tls/tls.ts'
import { Certificates } from '../support/certificates.ts'
import { inFolder } from '../support/folder.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

type Auto = (options: {
  csr: Buffer
  challengeCreateFn: (authz: unknown, challenge: object, answer: string) => Promise<void>
}) => Promise<string>

const files = new Certificates()
const axios = { defaults: {} as Record<string, unknown> }
let auto: Auto = () => Promise.reject(new Error('none'))
let ownKey = ''

mock.module('acme-client', () => ({
  axios,
  Client: class {
    auto: Auto = (options) => auto(options)
  },
  crypto: {
    createPrivateEcdsaKey: () => Promise.resolve('account'),
    createCsr: () => Promise.resolve([ownKey, Buffer.from('csr')]),
  },
}))

const fetched = spyOn(globalThis, 'fetch').mockImplementation((() =>
  Promise.resolve(new Response('{}'))) as unknown as typeof fetch)
afterAll(() => fetched.mockRestore())

beforeAll(() => {
  files.makeNamed('right', 'a.test', 90)
  files.makeNamed('other', 'b.test', 90)
  ownKey = files.read('right-key.pem')
})
afterAll(() => files.remove())

function configOf(folder: string) {
  return {
    domains: 'a.test',
    path: join(folder, 'acme'),
    terms_accepted: true,
    email: '',
    directory: 'https://ca.test/dir',
  }
}

function pairIn(folder: string) {
  const { path } = configOf(folder)
  return readTlsFiles(
    {
      tls_certificate_path: join(path, 'certificate.pem'),
      tls_private_key_path: join(path, 'key.pem'),
      tls_pkcs12_path: '',
      tls_pkcs12_password: '',
    },
    () => {},
  )
}

/** What is logged and whether there is a new certificate, once the authority has had its way. */
async function orderFrom(folder: string, authority: Auto) {
  auto = authority
  const config = configOf(folder)
  prepareAcme(config)
  const before = pairIn(folder)
  const told: string[] = []
  const log = { always: (_: string, text: string) => told.push(text) } as unknown as Log
  let renewed = 0
  const acme = new Acme(config, log, () => renewed++, { answerMs: 1000, orderMs: 200 })
  acme.start()
  await waitUntil('the order has ended', () => told.length > 1)
  acme.stop()
  const trouble = acme.troubleSource.find()?.text ?? ''
  return { said: told[1], renewed, trouble, isSame: pairIn(folder).cert === before.cert }
}

test('a certificate of the authority is put in force', () =>
  inFolder(async (folder) => {
    const got = await orderFrom(folder, async () => files.read('right.pem'))
    expect(got).toEqual({
      said: 'got a certificate for a.test',
      renewed: 1,
      trouble: '',
      isSame: false,
    })
    expect(isDue(pairIn(folder).cert, ['a.test'], Date.now())).toBe(false)
    // The library itself waits for answers of any time and size.
    expect(axios.defaults).toEqual({ timeout: 1000, maxContentLength: 1 << 20 })
  }))

test.each<[string, Auto, RegExp]>([
  ['never answers', () => new Promise(() => {}), /has not issued a certificate within/],
  ['gives none', async () => '', /no certificate in PEM/],
  ['gives another text', async () => '<html>busy</html>', /no certificate in PEM/],
  ['gives half of one', async () => files.read('right.pem').slice(0, 400), /./],
  ['gives that of another key', async () => files.read('other.pem'), /is not that of/],
  ['says nothing', () => Promise.reject(new Error('')), /gives no reason/],
  ['fails with no error', () => Promise.reject('odd'), /odd/],
  ['says much', () => Promise.reject(new Error(`${'x'.repeat(1e6)}\u001b[2J`)), /: x{300}$/],
  [
    'asks in another way',
    async ({ challengeCreateFn }) => {
      await challengeCreateFn(null, { token: 'token-for-dns', type: 'dns-01' }, 'answer')
      return ''
    },
    /offers no challenge by HTTP/,
  ],
  [
    'wants a file elsewhere',
    async ({ challengeCreateFn }) => {
      await challengeCreateFn(null, { token: '../../../token', type: 'http-01' }, 'answer')
      return ''
    },
    /invalid token/,
  ],
])('an authority that %s changes nothing, and is told', (_, authority, reason) =>
  inFolder(async (folder) => {
    const got = await orderFrom(folder, authority)
    expect(got.said).toMatch(reason)
    expect(got.said.length).toBeLessThan(400)
    expect([got.renewed, got.isSame]).toEqual([0, true])
    expect(got.trouble).toContain('Could not get a certificate for a.test')
    expect(readdirSync(folder)).toEqual(['acme'])
  }),
)

test('a certificate for other names changes nothing', () =>
  inFolder(async (folder) => {
    ownKey = files.read('other-key.pem')
    const got = await orderFrom(folder, async () => files.read('other.pem'))
    ownKey = files.read('right-key.pem')
    expect(got.said).toMatch(/is for other names/)
    expect([got.renewed, got.isSame]).toEqual([0, true])
  }))

test('a crash while both files are replaced leaves a tracker that starts', () =>
  inFolder(async (folder) => {
    const config = configOf(folder)
    prepareAcme(config)
    const at = (name: string) => join(config.path, name)
    writeFileSync(at('key.pem.new'), files.read('right-key.pem'))
    writeFileSync(at('certificate.pem.new'), files.read('right.pem'))
    renameSync(at('key.pem.new'), at('key.pem'))
    prepareAcme(config)
    expect(isDue(pairIn(folder).cert, ['a.test'], Date.now())).toBe(false)
    // What is whole stays.
    const whole = readFileSync(at('certificate.pem'), 'latin1')
    prepareAcme(config)
    expect(readFileSync(at('certificate.pem'), 'latin1')).toBe(whole)
    // Nothing to put right: one that nobody trusts, until there is another.
    for (const name of ['certificate.pem', 'key.pem']) {
      writeFileSync(at(name), '')
      prepareAcme(config)
      expect(isDue(pairIn(folder).cert, ['a.test'], Date.now())).toBe(true)
      rmSync(at(name))
      prepareAcme(config)
      pairIn(folder)
    }
  }))
