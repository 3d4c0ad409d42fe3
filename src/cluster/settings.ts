// The settings section [cluster]: which engine joins this node with others, and how it identifies itself there. Used by the
// config.ts of protocols whose peers are stored by address, and by access.ts. Owns nothing.
import { isIP } from 'node:net'
import { type ConfigOf, type Finding, problem, section, warning } from '../config/schema.ts'
import { boolean, choice, listOf, refuseNul, string, stringOrList } from '../config/setting.ts'
import type { PrivilegeConfig } from '../process/privileges.ts'
import { ALL_NODES, NODE_NAME } from './subjects.ts'

export const ENGINE_PORT = 4222
const PORT_MAX = 65_535
const SERVERS_FORM = "'', or an address such as '192.0.2.1:4222' or 'nats.example.com'"
const NODE_FORM = '1 to 32 letters, digits, - and _'
const SUBJECT_BYTES_MAX = 64

export const clusterSettings = section(
  `Several trackers that share their swarms. Each tells the others through a NATS server who came, stayed and left, and
  answers its clients by itself, also while no server can be reached. docs/cluster.md explains how to set one up.`,
  {
    servers: stringOrList(
      '',
      { allowed: SERVERS_FORM, check: checkServer },
      `The NATS servers, each with its port unless that is ${ENGINE_PORT}. The tracker connects to the first one that
      answers, and asks them again in this order when the connection ends. '' shares nothing.

      Whoever may write to the server can add peers to your swarms: give each node an account of its own (credentials), and
      keep the server's port from others.`,
    ),
    node: string(
      '',
      { allowed: `'' or ${NODE_FORM}`, check: checkNode },
      `The name of this node: ${NODE_FORM}. No two nodes may have the same one. Required with servers.`,
    ),
    subject: string(
      'aquatic',
      { allowed: 'letters, digits, - and _, with dots between words', check: checkSubject },
      `What the names of all messages begin with. Nodes share their swarms with those that have the same subject.`,
    ),
    credentials: choice(
      'none',
      ['none', 'password', 'token', 'nkey', 'creds'],
      `How the node shows the server who it is. 'password': with user, and a password. 'token': with a token. 'nkey': with
      a seed, of which the server knows only the public key. 'creds': with a file as "nsc generate creds" writes it.`,
    ),
    credentials_path: string(
      '',
      { allowed: "a file, or ''", check: refuseNul },
      `The file with the password, the token or the seed, which is its first line; or the creds file. It is read at startup,
      and again on SIGUSR1 and when it has changed, for the next connection.`,
    ),
    user: string(
      '',
      { check: refuseNul },
      `The name of the account, with credentials = 'password'.`,
    ),
    use_tls: boolean(
      false,
      `Connect with TLS, and only to servers whose certificate is valid for the name or address in servers.

      Without TLS, passwords and tokens can be read on the way, and messages can be read and changed.`,
    ),
    tls_ca_path: string(
      '',
      { allowed: "a file, or ''", check: refuseNul },
      `The certificates (PEM) of the authorities that servers' certificates may come from. '' takes those that browsers trust.`,
    ),
    tls_certificate_path: string(
      '',
      { allowed: "a file, or ''", check: refuseNul },
      `A certificate (PEM) of this node, for servers that ask for one.`,
    ),
    tls_private_key_path: string(
      '',
      { allowed: "a file, or ''", check: refuseNul },
      `The private key (PEM, without a passphrase) of that certificate.`,
    ),
  },
)

export type ClusterConfig = ConfigOf<{ cluster: typeof clusterSettings }>['cluster']

/** Whether swarms are shared with other nodes. */
export function isClustered({ servers }: ClusterConfig): boolean {
  return listOf(servers).length > 0
}

export interface ServerAddress {
  readonly host: string
  readonly port: number
}

/** Null for what is no address of a server. */
export function parseServer(text: string): ServerAddress | null {
  const [, six, other, portText] =
    /^(?:(?:nats|tls):\/\/)?(?:\[([0-9a-f:.]+)\]|([^\s/@:[\]]+))(?::(\d{1,5}))?\/?$/i.exec(text) ??
    []
  const host = six ?? other
  const port = portText === undefined ? ENGINE_PORT : Number(portText)
  if (host === undefined || port === 0 || port > PORT_MAX) return null
  if (six === undefined ? !isHost(host) : isIP(host) !== 6) return null
  return { host, port }
}

/** What fits together, or does not. */
export function clusterFindings(cluster: ClusterConfig, privileges: PrivilegeConfig): Finding[] {
  if (!isClustered(cluster)) return idleFindings(cluster)
  return [
    ...(cluster.node === '' ? [nameless()] : []),
    ...credentialFindings(cluster),
    ...tlsFindings(cluster),
    ...chrootFindings(cluster, privileges),
  ]
}

function nameless(): Finding {
  const text = `[cluster] servers needs [cluster] node, the name of this node: choose one that no other node has.`
  return problem(['cluster.servers', 'cluster.node'], text)
}

/** What is set for a cluster that there is none of. */
function idleFindings(cluster: ClusterConfig): Finding[] {
  const { settings } = clusterSettings
  return (Object.keys(settings) as (keyof typeof settings)[])
    .filter((key) => key !== 'servers' && cluster[key] !== settings[key].defaultValue)
    .map((key) => {
      const text = `[cluster] ${key} has no effect without servers: name the NATS server there.`
      return warning([`cluster.${key}`], text)
    })
}

function credentialFindings(cluster: ClusterConfig): Finding[] {
  const { credentials, credentials_path, user } = cluster
  if (credentials === 'none') {
    return [
      ...without('credentials_path', credentials_path, "say in [cluster] credentials what's in it"),
      ...without('user', user, "set [cluster] credentials = 'password'"),
    ]
  }
  const found: Finding[] = []
  if (credentials_path === '') {
    const text = `[cluster] credentials = '${credentials}' needs [cluster] credentials_path, the file that it is in.`
    found.push(problem(['cluster.credentials', 'cluster.credentials_path'], text))
  }
  if (credentials === 'password' && user === '') {
    const text = `[cluster] credentials = 'password' needs [cluster] user, the name of the account.`
    found.push(problem(['cluster.credentials', 'cluster.user'], text))
  }
  if (credentials !== 'password') {
    found.push(...without('user', user, "set [cluster] credentials = 'password', or delete it"))
  }
  const isReadable = credentials === 'password' || credentials === 'token'
  const remote = remoteServers(cluster)
  if (isReadable && !cluster.use_tls && remote.length > 0) {
    const text = `[cluster] credentials = '${credentials}' can be read on the way to ${remote[0]}: set [cluster] use_tls =
      true, or use 'nkey', unless that network is your own.`
    found.push(warning(['cluster.credentials', 'cluster.use_tls'], text))
  }
  return found
}

function without(key: 'credentials_path' | 'user', value: string, remedy: string): Finding[] {
  if (value === '') return []
  return [problem([`cluster.${key}`], `[cluster] ${key} is not used: ${remedy}.`)]
}

function tlsFindings(cluster: ClusterConfig): Finding[] {
  const { tls_certificate_path, tls_private_key_path, use_tls } = cluster
  if (!use_tls) {
    return (['tls_ca_path', 'tls_certificate_path', 'tls_private_key_path'] as const)
      .filter((key) => cluster[key] !== '')
      .map((key) => {
        const text = `[cluster] ${key} is not used without TLS: set [cluster] use_tls = true.`
        return problem([`cluster.${key}`], text)
      })
  }
  if ((tls_certificate_path === '') === (tls_private_key_path === '')) return []
  const [has, lacks] =
    tls_certificate_path === ''
      ? ['tls_private_key_path', 'tls_certificate_path']
      : ['tls_certificate_path', 'tls_private_key_path']
  const text = `[cluster] ${has} needs [cluster] ${lacks}.`
  return [problem([`cluster.${has}`, `cluster.${lacks}`], text)]
}

/** Names are looked up at every connection, by files of the system that a new root directory lacks. */
function chrootFindings(cluster: ClusterConfig, privileges: PrivilegeConfig): Finding[] {
  if (!privileges.drop_privileges || privileges.chroot_path === '/') return []
  const named = servers(cluster).find(({ host }) => isIP(host) === 0)
  if (named === undefined) return []
  const text = `[cluster] servers names ${named.host}, which cannot be looked up below [privileges] chroot_path: write its
    address, or set chroot_path to '/'.`
  return [problem(['cluster.servers', 'privileges.chroot_path'], text)]
}

function remoteServers(cluster: ClusterConfig): string[] {
  return servers(cluster)
    .map(({ host }) => host)
    .filter((host) => !/^(?:127\.[0-9.]+|::1|localhost)$/i.test(host))
}

export function servers(cluster: ClusterConfig): ServerAddress[] {
  return listOf(cluster.servers).flatMap((text) => parseServer(text) ?? [])
}

function checkServer(text: string) {
  if (text === '' || parseServer(text) !== null) return null
  if (text.includes('@')) {
    const remedy =
      'Write the address alone; [cluster] user and credentials_path say who the node is'
    return { fault: 'has a user or a password', remedy }
  }
  return { fault: 'is not the address of a server', remedy: "Write one such as '192.0.2.1:4222'" }
}

/** An address of IPv4, or a name. What looks like an address but is none is no name. */
function isHost(text: string): boolean {
  if (/^[0-9.]+$/.test(text)) return isIP(text) === 4
  return /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)*[a-z0-9_-]{1,63}\.?$/i.test(text)
}

function checkNode(text: string) {
  if (text === '') return null
  if (text === ALL_NODES) {
    return { fault: 'means every node', remedy: 'Choose another name' }
  }
  if (NODE_NAME.test(text)) return null
  return { fault: 'is not such a name', remedy: `Write ${NODE_FORM}` }
}

function checkSubject(text: string) {
  if (text.length <= SUBJECT_BYTES_MAX && /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/.test(text))
    return null
  const fault =
    text.length > SUBJECT_BYTES_MAX
      ? `is longer than ${SUBJECT_BYTES_MAX} characters`
      : 'is not of that form'
  return { fault, remedy: "Write one such as 'aquatic'" }
}
