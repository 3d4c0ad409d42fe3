// The commands of docs/cluster.md, as they stand there, make three NATS servers and three nodes that reach each other, with and
// without TLS; and an account cannot do more than it says.
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type EngineAccess, readAccess } from '../../src/cluster/access.ts'
import { subjectsOf } from '../../src/cluster/subjects.ts'
import { loadSettings } from '../../src/config/load.ts'
import { udpSettings } from '../../src/udp/settings/config.ts'
import { arrives, bytesOf, type Node, withNodes } from '../cluster/nats-node.ts'
import { newFolder, removeFolder } from '../support/folder.ts'
import { NatsServer, WHY_NO_NATS } from '../support/nats-server.ts'

setDefaultTimeout(60_000)

const text = readFileSync(join(import.meta.dir, '../../docs/cluster.md'), 'utf8')
const blocks = [...text.matchAll(/^```sh\n(.*?)```/gms)].map(([, block]) => block)
const NAMES = ['a', 'b', 'c'] as const
const HOSTS = { a: '127.0.0.1', b: '127.0.0.2', c: '127.0.0.3' }

/** The block that has this text. */
function commands(part: string): string {
  const found = blocks.filter((block) => block.includes(part))
  if (found.length !== 1) throw new Error(`${found.length} blocks have ${part}`)
  return found[0]
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** Runs the commands in an empty folder, with other addresses, ports and places of files. */
async function run(...scripts: string[]): Promise<string> {
  const folder = newFolder()
  afterAll(() => removeFolder(folder))
  const [clients, routes] = [await freePort(), await freePort()]
  const script = scripts
    .join('\n')
    .replace('a=192.0.2.1 b=192.0.2.2 c=192.0.2.3', `a=${HOSTS.a} b=${HOSTS.b} c=${HOSTS.c}`)
    .replaceAll(':4222', `:${clients}`)
    .replaceAll(':6222', `:${routes}`)
    .replaceAll('/etc/nats/', `${folder}/$n/`)
    .replaceAll('/etc/aquatic/', `${folder}/$n/`)
  const { exitCode, stderr } = Bun.spawnSync(['sh', '-eu', '-c', script], {
    cwd: folder,
    stderr: 'pipe',
  })
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr.toString() }).toEqual({
    exitCode: 0,
    stderr: '',
  })
  return folder
}

/** Puts the files of a host to where the text says. */
function install(folder: string, name: string, hasTls: boolean): void {
  const made = (file: string) => join(folder, 'cluster', file)
  const host = join(folder, name)
  mkdirSync(host, { recursive: true })
  copyFileSync(made(`${name}.password`), join(host, 'cluster.password'))
  if (!hasTls) return
  copyFileSync(made('ca.pem'), join(host, 'cluster-ca.pem'))
  copyFileSync(made('ca.pem'), join(host, 'ca.pem'))
  copyFileSync(made(`${name}.pem`), join(host, 'server.pem'))
  copyFileSync(made(`${name}.key`), join(host, 'server.key'))
}

/** What a node reads from its settings file. */
async function accessOf(folder: string, name: string): Promise<EngineAccess> {
  const path = join(folder, name, 'aquatic.toml')
  writeFileSync(path, readFileSync(join(folder, 'cluster', `aquatic-${name}.toml`)))
  const { config, problems } = loadSettings(udpSettings, path, {})
  expect(problems).toEqual([])
  const access = await readAccess(config.cluster)
  if (access === null) throw new Error('there is no cluster')
  return access
}

/** Each node at the server of its own host, which are joined. */
async function expectOneCluster(folder: string, hasTls: boolean): Promise<void> {
  const servers: NatsServer[] = []
  try {
    for (const name of NAMES) {
      install(folder, name, hasTls)
      servers.push(await NatsServer.startFile(join(folder, 'cluster', `nats-${name}.conf`)))
    }
    await withNodes(async (open) => {
      const nodes: Node[] = []
      for (const name of NAMES) {
        const access = await accessOf(folder, name)
        expect(access.node).toBe(name)
        expect(access.tls !== null).toBe(hasTls)
        nodes.push(await open([...access.servers], access))
      }
      const [a, b, c] = nodes
      for (const [i, node] of nodes.entries()) {
        await node.reports(new RegExp(`^up: connected to ${HOSTS[NAMES[i]]}`))
        const { logs, requests, answers, commonAnswers } = subjectsOf('aquatic', NAMES[i])
        for (const subject of [logs, requests, answers, commonAnswers]) node.listen(subject)
      }
      await arrives(a, b, 'from a', 'aquatic.log.a')
      await arrives(c, a, 'from c', 'aquatic.log.c')
      await arrives(a, b, 'asks', subjectsOf('aquatic', 'a').request('b'))
      await arrives(b, a, 'answers', subjectsOf('aquatic', 'b').answer('a'))
      await arrives(b, c, 'answers all', subjectsOf('aquatic', 'b').answer('all'))
      // Not in another's name, nor what is meant for another.
      a.engine.publish('aquatic.log.b', bytesOf('forged'))
      a.engine.publish('aquatic.to.c.b', bytesOf('forged'))
      await a.reports(/^up: .*Publish to "aquatic\.log\.b"/i)
      await a.reports(/^up: .*Publish to "aquatic\.to\.c\.b"/i)
      a.listen('aquatic.to.c.*')
      await a.reports(/^up: .*Subscription to "aquatic\.to\.c\.\*"/i)
      await arrives(b, c, 'to c', 'aquatic.to.c.b')
      for (const node of nodes) {
        for (const each of node.received) expect(each).not.toContain('forged')
      }
      expect(a.received.join()).not.toContain('to c')
      expect(
        nodes.flatMap(({ statuses }) => statuses.filter((each) => each.startsWith('down'))),
      ).toEqual([])
    })
  } finally {
    for (const server of servers) await server.stop()
  }
}

describe.skipIf(WHY_NO_NATS !== '')(`the commands of docs/cluster.md${WHY_NO_NATS}`, () => {
  const setUp = commands('umask 077; mkdir cluster')

  test('make three servers and three nodes', async () => {
    await expectOneCluster(await run(setUp), false)
  })

  test('and the same with TLS', async () => {
    await expectOneCluster(await run(setUp, commands('openssl req -x509')), true)
  })

  test('files with secrets are for nobody else', async () => {
    const folder = await run(setUp)
    const { stdout } = Bun.spawnSync([
      'find',
      join(folder, 'cluster'),
      '-type',
      'f',
      '-perm',
      '/077',
    ])
    expect(stdout.toString()).toBe('')
  })
})
