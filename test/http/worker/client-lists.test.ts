// Networks and clients that the lists exclude, over HTTP: a failure, and the end of the connection.
import { describe, expect, test } from 'bun:test'
import { HttpProxies } from '../../../src/http/worker/proxies.ts'
import { Networks } from '../../../src/tcp/networks.ts'
import { gateOf } from '../../client-lists/support.ts'
import { announceTarget, get, HttpHarness } from '../harness.ts'

const NETWORKS = '192.0.2.0/24\n2001:db8:7::/48\n'
const DENIED = 'Your network is not served'
const SCRAPE = `/scrape?info_hash=${'h'.repeat(20)}`

describe('a denied network', () => {
  test.each(['192.0.2.7', '2001:db8:7::1'])('%s gets a failure for good', async (from) => {
    const harness = new HttpHarness({ gate: await gateOf({ networks: NETWORKS }) })
    for (const target of [announceTarget(), SCRAPE]) {
      expect(harness.ask(target, from)).toMatchObject({
        'failure reason': DENIED,
        'retry in': 'never',
      })
      expect(harness.request.close).toBe(true)
    }
    expect(harness.counts).toEqual({ rejected_denied_network: 2, responses_failure: 2 })
  })

  test('gets pages: health checks and certificate authorities ask for them', async () => {
    const harness = new HttpHarness({ gate: await gateOf({ networks: NETWORKS }) })
    expect(harness.send(get('/health'), '192.0.2.7').status).toBe(200)
    expect(harness.send(get('/'), '192.0.2.7').status).toBe(200)
  })

  test.each(['192.0.3.7', '2001:db8:8::1'])('%s is served', async (from) => {
    const harness = new HttpHarness({ gate: await gateOf({ networks: NETWORKS }) })
    expect(harness.ask(announceTarget(), from).interval).toBe(900)
  })

  test('is that of the client whom a trusted proxy names, not that of the proxy', async () => {
    const harness = new HttpHarness({ gate: await gateOf({ networks: `${NETWORKS}10.0.0.0/8` }) })
    harness.handler.setProxies(new HttpProxies(new Networks(['10.0.0.1']), 'X-Forwarded-For'))
    const ask = (from: string, client: string) => {
      const text = `GET ${announceTarget()} HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: ${client}\r\n\r\n`
      return harness.send(text, from).body.toString('latin1')
    }
    expect(ask('10.0.0.1', '192.0.3.7')).toContain('8:interval')
    expect(ask('10.0.0.1', '192.0.2.7')).toContain(DENIED)
    // Who is no proxy cannot name another client.
    expect(ask('192.0.2.7', '192.0.3.7')).toContain(DENIED)
    expect(ask('192.0.3.7', '192.0.2.7')).not.toContain(DENIED)
  })
})

describe('a denied client', () => {
  const announceOf = (peerId: string) => announceTarget({ more: `&peer_id=${peerId}` })

  test('gets a failure for good, also if it encodes its peer id', async () => {
    const harness = new HttpHarness({ gate: await gateOf({ clients: '-XL\n' }) })
    for (const id of ['-XL0012-abcdefghijkl', '%2DX%4c0012-abcdefghijkl']) {
      expect(harness.ask(announceOf(id))).toMatchObject({
        'failure reason': 'Client not allowed: use another one',
        'retry in': 'never',
      })
    }
    expect(harness.counts).toEqual({
      requests_announce: 2,
      rejected_denied_client: 2,
      responses_failure: 2,
    })
    expect(harness.ask(announceOf('-TR3000-abcdefghijkl')).interval).toBe(900)
    expect(harness.ask(SCRAPE).files).toBeDefined()
  })

  test('is one without a peer id where only some are allowed', async () => {
    const harness = new HttpHarness({ gate: await gateOf({ clients: '-TR\n', allow: true }) })
    expect(harness.ask(announceOf('-TR3000-abcdefghijkl')).interval).toBe(900)
    expect(harness.ask(announceOf('short'))['failure reason']).toStartWith('Client not allowed')
  })
})
