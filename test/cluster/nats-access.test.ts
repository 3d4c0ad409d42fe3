// Whom a NATS server lets in, and whom the engine takes for one: credentials of each kind, permissions, TLS.
import { afterAll, describe, expect, test } from 'bun:test'
import { nkeys } from '@nats-io/transport-node'
import type { Credentials, EngineTls } from '../../src/cluster/access.ts'
import { Certificates } from '../support/certificates.ts'
import { type NatsServer, WHY_NO_NATS, withNats } from '../support/nats-server.ts'
import { arrives, bytesOf, withNodes } from './nats-node.ts'

const seedPair = nkeys.createUser()
const SEED = Buffer.from(seedPair.getSeed()).toString()
const PUBLIC = seedPair.getPublicKey()

const KINDS: { kind: string; settings: string; right: Credentials; wrong: Credentials }[] = [
  {
    kind: 'a user and a password',
    settings: 'authorization { users = [ { user: a, password: "s3 cret" } ] }',
    right: { kind: 'password', user: 'a', password: 's3 cret' },
    wrong: { kind: 'password', user: 'a', password: 's3cret' },
  },
  {
    kind: 'a token',
    settings: 'authorization { token: "T0ken" }',
    right: { kind: 'token', token: 'T0ken' },
    wrong: { kind: 'token', token: 't0ken' },
  },
  {
    kind: 'an NKEY',
    settings: `authorization { users = [ { nkey: ${PUBLIC} } ] }`,
    right: { kind: 'nkey', seed: SEED },
    wrong: { kind: 'nkey', seed: Buffer.from(nkeys.createUser().getSeed()).toString() },
  },
]

describe.skipIf(WHY_NO_NATS !== '')(`credentials${WHY_NO_NATS}`, () => {
  for (const { kind, settings, right, wrong } of KINDS) {
    test(`${kind}: the right ones get in, wrong ones and none do not and say so`, () =>
      withNats(settings, (server) =>
        withNodes(async (open) => {
          const a = await open(server.address, { credentials: right })
          const b = await open(server.address, { credentials: wrong })
          const c = await open(server.address)
          await a.connected()
          await b.reports(/^down: Authorization Violation/)
          await c.reports(/^down: Authorization Violation/)
          expect([b, c].map(({ engine }) => engine.isConnected())).toEqual([false, false])
          expect(JSON.stringify([b.statuses, c.statuses])).not.toContain('cret')
        }),
      ))
  }

  test('an account that is taken away is cut off, and gets in when it is given back', () => {
    const both = 'authorization { users = [ { user: a, password: x }, { user: b, password: y } ] }'
    const one = 'authorization { users = [ { user: b, password: y } ] }'
    return withNats(both, (server) =>
      withNodes(async (open) => {
        const a = await open(server.address, {
          credentials: { kind: 'password', user: 'a', password: 'x' },
        })
        await a.connected()
        await server.kill()
        await server.run(one)
        await a.reports(/^down: Authorization Violation/)
        await server.kill()
        await server.run(both)
        await a.connected()
      }),
    )
  })

  test('who may not publish or subscribe is told, stays connected, and the rest works', () => {
    const permissions = 'permissions = { publish = "test.log.a", subscribe = "test.log.*" }'
    const settings = `authorization { users = [ { user: a, password: x, ${permissions} } ] }`
    return withNats(settings, (server) =>
      withNodes(async (open) => {
        const credentials = { kind: 'password', user: 'a', password: 'x' } as const
        const a = await open(server.address, { credentials })
        const b = await open(server.address, { credentials })
        b.listen('test.log.*')
        await Promise.all([a.connected(), b.connected()])
        const refused: string[] = []
        a.engine.onRefusal((reason) => refused.push(reason))
        a.engine.publish('test.log.other', bytesOf('x'))
        a.listen('secret.*')
        await a.reports(/^up: .*Publish to "test\.log\.other"/i)
        await a.reports(/^up: .*Subscription to "secret\.\*"/i)
        expect(refused.join()).toMatch(
          /Publish to "test\.log\.other".*Subscription to "secret\.\*"/i,
        )
        await arrives(a, b, 'y')
      }),
    )
  })
})

describe.skipIf(WHY_NO_NATS !== '')(`TLS${WHY_NO_NATS}`, () => {
  const files = new Certificates()
  afterAll(() => files.remove())
  files.makeNamed('server', 'localhost')
  files.makeNamed('elsewhere', 'nats.example.com')
  files.makeNamed('client', 'node-a')
  const settings = (name: string, more = '') =>
    `tls { cert_file: "${files.path(`${name}.pem`)}", key_file: "${files.path(`${name}-key.pem`)}" ${more} }`
  const trusting = (name: string): { tls: EngineTls } => ({
    tls: { ca: files.read(`${name}.pem`), cert: undefined, key: undefined },
  })
  const named = (server: NatsServer) => `localhost:${server.port}`

  test('a certificate of the own authority is accepted, with credentials inside', () =>
    withNats(`${settings('server')}\nauthorization { token: T }`, (server) =>
      withNodes(async (open) => {
        const credentials = { kind: 'token', token: 'T' } as const
        const a = await open(named(server), { ...trusting('server'), credentials })
        const b = await open(named(server), { ...trusting('server'), credentials })
        b.listen('test.log.*')
        await Promise.all([a.connected(), b.connected()])
        await arrives(a, b, 'x'.repeat(100_000))
      }),
    ))

  test('another authority, another name, and the authorities of the web are refused', () =>
    withNats(settings('server'), (server) =>
      withNats(settings('elsewhere'), (elsewhere) =>
        withNodes(async (open) => {
          const a = await open(named(server), trusting('client'))
          const b = await open(named(elsewhere), trusting('elsewhere'))
          const c = await open(named(server), {
            tls: { ca: undefined, cert: undefined, key: undefined },
          })
          await a.reports(/^down: .*(certificate|self.signed)/i)
          await b.reports(/^down: .*(altname|host ?name|does not match)/i)
          await c.reports(/^down: .*(certificate|self.signed)/i)
          expect([a, b, c].map(({ engine }) => engine.isConnected())).toEqual([false, false, false])
        }),
      ),
    ))

  test('with use_tls no server without TLS is taken, and without it none that requires it', () =>
    withNats('', (plain) =>
      withNats(settings('server'), (server) =>
        withNodes(async (open) => {
          const a = await open(named(plain), trusting('server'))
          await a.reports(/^down: server does not support 'tls'/)
          const b = await open(named(server))
          await b.reports(/^down: the server requires TLS: set \[cluster\] use_tls = true/)
          expect([a, b].map(({ engine }) => engine.isConnected())).toEqual([false, false])
        }),
      ),
    ))

  test('a server that asks for a certificate gets it', () =>
    withNats(
      settings('server', `, ca_file: "${files.path('client.pem')}", verify: true`),
      (server) =>
        withNodes(async (open) => {
          const own = { cert: files.read('client.pem'), key: files.read('client-key.pem') }
          const a = await open(named(server), { tls: { ca: files.read('server.pem'), ...own } })
          const b = await open(named(server), trusting('server'))
          await a.connected()
          await b.reports(/^down: /)
          expect(b.engine.isConnected()).toBe(false)
        }),
    ))
})
