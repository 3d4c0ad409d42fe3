// Conformance checks of UDP: what announces change, and how peers are counted. Listed by conformance.ts.
import { type Check, must, mustBe } from '../check.ts'
import { COMPLETED, NO_EVENT, PAUSED, STARTED, STOPPED } from './packets.ts'
import { LEECHER, SEEDER, type UdpSession } from './session.ts'

const ANNOUNCE = 'udp-protocol.md, Announce'

const counts: Check<UdpSession>[] = [
  {
    name: 'udp/counts/left-0-is-a-seeder',
    says: 'A client with nothing left counts as a seeder.',
    source: 'BEP 15',
    run: async (session) => {
      const hash = session.newHash()
      await session.join(hash, [SEEDER])
      const { seeders, leechers } = await session.announce({ hash, port: session.newPort() })
      mustBe('the number of seeders', seeders, 1)
      must(leechers <= 1, `the number of leechers is ${leechers}`)
    },
  },
  {
    name: 'udp/counts/any-other-left-is-a-leecher',
    says: 'A client with anything left counts as a leecher: also 2^32, whose low half is 0, and −1 for «not known».',
    source: 'BEP 15',
    run: async (session) => {
      for (const left of [1n, 1n << 32n, (1n << 64n) - 1n]) {
        const hash = session.newHash()
        await session.join(hash, [left])
        const [{ seeders, leechers }] = await session.scrape([hash])
        mustBe(
          `with ${left} left the numbers of seeders and leechers`,
          `${seeders}/${leechers}`,
          '0/1',
        )
      }
    },
  },
  {
    name: 'udp/counts/announcer-is-not-counted',
    says: 'The announcing peer is not in the counts of its response.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const port = session.newPort()
      const first = await session.announce({ hash, port })
      const again = await session.announce({ hash, port, event: NO_EVENT })
      mustBe('the counts', [first.leechers, again.leechers].join(), '0,0')
    },
  },
  {
    name: 'udp/counts/agree-with-the-scrape',
    says: 'Announce and scrape count the same peers.',
    source: 'BEP 15',
    run: async (session) => {
      const hash = session.newHash()
      await session.join(hash, [SEEDER, LEECHER, LEECHER])
      const own = { hash, port: session.newPort() }
      const announced = await session.announce(own)
      const [scraped] = await session.scrape([hash])
      mustBe('the seeders of announce', announced.seeders, scraped.seeders)
      const others = scraped.leechers - announced.leechers
      must(
        others === 0 || others === 1,
        `announce counts ${announced.leechers} leechers, scrape ${scraped.leechers}`,
      )
    },
  },
  {
    name: 'udp/counts/leecher-becomes-a-seeder',
    says: 'A leecher that has finished is a seeder, and no leecher any more.',
    source: 'BEP 15',
    run: async (session) => {
      const hash = session.newHash()
      const [port] = await session.join(hash, [LEECHER])
      await session.announce({ hash, port, left: SEEDER, event: NO_EVENT })
      const [{ seeders, leechers }] = await session.scrape([hash])
      mustBe('the numbers of seeders and leechers', `${seeders}/${leechers}`, '1/0')
    },
  },
]

const events: Check<UdpSession>[] = [
  {
    name: 'udp/event/stopped-removes',
    says: 'A client that has stopped is no peer any more.',
    source: 'BEP 15',
    run: async (session) => {
      const hash = session.newHash()
      const [port] = await session.join(hash, [LEECHER])
      await session.announce({ hash, port, event: STOPPED })
      const { peers } = await session.announce({ hash, port: session.newPort() })
      must(!peers.some((peer) => peer.port === port), 'it is still returned')
      const [{ leechers }] = await session.scrape([hash])
      mustBe('the number of leechers', leechers, 1)
    },
  },
  {
    name: 'udp/event/stopped-gets-no-peers',
    says: 'A client that stops gets no peers: it has no use for them.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const [port] = await session.join(hash, [LEECHER, LEECHER])
      const { peers } = await session.announce({ hash, port, event: STOPPED })
      mustBe('the number of peers', peers.length, 0)
    },
  },
  {
    name: 'udp/event/stopped-of-a-stranger-is-answered',
    says: 'A client that stops without having started is answered, and becomes no peer.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      await session.announce({ hash, port: session.newPort(), event: STOPPED })
      mustBe('the number of leechers', (await session.scrape([hash]))[0].leechers, 0)
    },
  },
  {
    name: 'udp/event/completed-counts-a-download',
    says: 'A leecher that completes counts as a download.',
    source: 'BEP 15',
    run: async (session) => {
      const hash = session.newHash()
      const [port] = await session.join(hash, [LEECHER])
      await session.announce({ hash, port, left: SEEDER, event: COMPLETED })
      const [{ seeders, completed }] = await session.scrape([hash])
      mustBe('the numbers of seeders and downloads', `${seeders}/${completed}`, '1/1')
    },
  },
  {
    name: 'udp/event/completed-counts-once',
    says: 'A client that says twice that it has completed counts as one download.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const [port] = await session.join(hash, [LEECHER])
      for (let i = 0; i < 2; i++)
        await session.announce({ hash, port, left: SEEDER, event: COMPLETED })
      mustBe('the number of downloads', (await session.scrape([hash]))[0].completed, 1)
    },
  },
  {
    name: 'udp/event/completed-of-a-stranger-counts-nothing',
    says: 'A client that was never a leecher here counts as no download when it completes.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      await session.announce({ hash, port: session.newPort(), left: SEEDER, event: COMPLETED })
      mustBe('the number of downloads', (await session.scrape([hash]))[0].completed, 0)
    },
  },
  {
    name: 'udp/event/paused-stays',
    says: 'A client that pauses stays a peer.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const [port] = await session.join(hash, [LEECHER])
      await session.announce({ hash, port, event: PAUSED })
      const { peers } = await session.announce({ hash, port: session.newPort() })
      must(
        peers.some((peer) => peer.port === port),
        'it is not returned any more',
      )
    },
  },
  {
    name: 'udp/event/unknown-renews',
    says: 'Unknown events renew a peer like any announce.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const port = session.newPort()
      for (const event of [STARTED, 5, 0x03000000]) await session.announce({ hash, port, event })
      mustBe('the number of leechers', (await session.scrape([hash]))[0].leechers, 1)
    },
  },
]

export const EVENT_CHECKS: readonly Check<UdpSession>[] = [...counts, ...events]
