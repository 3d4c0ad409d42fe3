// Where the engine is and how this node shows who it is there, with the files that the settings name: read at startup in the
// main thread, before the process gives up its rights, and handed to the cluster's thread. For --check too.
import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { StartError } from '../config/cli.ts'
import { FileFault, readRegularFile } from '../config/named-file.ts'
import { type ClusterConfig, isClustered, servers } from './settings.ts'

const FILE_BYTES_MAX = 1_048_576
const SECRET_BYTES_MAX = 1024
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

export type Credentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'nkey'; readonly seed: string }
  | { readonly kind: 'creds'; readonly text: string }

export interface EngineTls {
  /** Of the authorities (PEM); undefined: those that browsers trust. */
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
}

/** Plain data, for another thread. Holds secrets: never logged. */
export interface EngineAccess {
  /** As host:port. */
  readonly servers: readonly string[]
  readonly node: string
  readonly subject: string
  readonly credentials: Credentials
  /** Null: without TLS. */
  readonly tls: EngineTls | null
}

/** What a start would find wrong, for --check. */
export async function clusterFaults(config: ClusterConfig): Promise<string[]> {
  // A mistake in the settings, which is reported as one.
  if (config.credentials !== 'none' && config.credentials_path === '') return []
  try {
    await readAccess(config)
    return []
  } catch (error) {
    if (error instanceof StartError) return [error.message]
    throw error
  }
}

/** Null if swarms are not shared. Throws StartError. */
export async function readAccess(config: ClusterConfig): Promise<EngineAccess | null> {
  if (!isClustered(config)) return null
  return {
    servers: servers(config).map(
      ({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`,
    ),
    node: config.node,
    subject: config.subject,
    credentials: await credentialsOf(config),
    tls: config.use_tls ? tlsOf(config) : null,
  }
}

async function credentialsOf(config: ClusterConfig): Promise<Credentials> {
  const { credentials: kind, user } = config
  if (kind === 'none') return { kind }
  const text = read(config, 'credentials_path')
  if (kind === 'creds') return { kind, text: await checkedCreds(config, text) }
  const [first] = text.split('\n', 1)
  const secret = first.replace(/\r$/, '')
  if (secret === '' || secret.length > SECRET_BYTES_MAX) {
    throw refused(config, `has no ${kind === 'nkey' ? 'seed' : kind} in its first line`)
  }
  if (kind === 'password') return { kind, user, password: secret }
  if (kind === 'token') return { kind, token: secret }
  return { kind, seed: await checkedSeed(config, secret.trim()) }
}

async function checkedSeed(config: ClusterConfig, seed: string): Promise<string> {
  const { nkeys } = await import('@nats-io/transport-node')
  try {
    nkeys.fromSeed(new TextEncoder().encode(seed))
    return seed
  } catch {
    throw refused(config, 'has no seed (SU…) in its first line, as "nk -gen user" writes it')
  }
}

async function checkedCreds(config: ClusterConfig, text: string): Promise<string> {
  const { credsAuthenticator } = await import('@nats-io/transport-node')
  try {
    credsAuthenticator(new TextEncoder().encode(text))('nonce')
    return text
  } catch {
    throw refused(config, 'has no token and seed, as "nsc generate creds" writes them')
  }
}

function tlsOf(config: ClusterConfig): EngineTls {
  const ca = readNamed(config, 'tls_ca_path')
  if (ca !== undefined) checkAuthorities(config, ca)
  const cert = readNamed(config, 'tls_certificate_path')
  const key = readNamed(config, 'tls_private_key_path')
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    const text = `[cluster] tls_certificate_path '${config.tls_certificate_path}' and tls_private_key_path
      '${config.tls_private_key_path}' cannot be used together: ${(error as Error).message}`
    throw new StartError(text.replace(/\s+/g, ' '))
  }
  return { ca, cert, key }
}

function checkAuthorities(config: ClusterConfig, pem: string): void {
  const found = pem.match(CERTIFICATE) ?? []
  try {
    for (const certificate of found) new X509Certificate(certificate)
    if (found.length > 0) return
  } catch {
    // The message is the same.
  }
  throw new StartError(
    `[cluster] tls_ca_path '${config.tls_ca_path}' has no certificates that can be read (PEM)`,
  )
}

type PathSetting =
  | 'credentials_path'
  | 'tls_ca_path'
  | 'tls_certificate_path'
  | 'tls_private_key_path'

function readNamed(config: ClusterConfig, setting: PathSetting): string | undefined {
  return config[setting] === '' ? undefined : read(config, setting)
}

function read(config: ClusterConfig, setting: PathSetting): string {
  try {
    return readRegularFile(config[setting], FILE_BYTES_MAX).toString('utf8')
  } catch (error) {
    if (!(error instanceof FileFault)) throw error
    throw new StartError(
      `[cluster] ${setting} '${config[setting]}' cannot be read: ${error.message}`,
    )
  }
}

function refused({ credentials_path }: ClusterConfig, fault: string): StartError {
  return new StartError(`[cluster] credentials_path '${credentials_path}' ${fault}`)
}
