// The settings of certificates that the tracker gets by itself (ACME), their checks, and the paths of its files. Used by
// the config.ts of a protocol over TLS, and by acme.ts. Owns nothing.
import { join } from 'node:path'
import { type Finding, problem, section, warning } from '../config/schema.ts'
import { boolean, listOf, refuseNul, string, stringOrList } from '../config/setting.ts'

export const acmeSettings = section(
  `A certificate that the tracker gets and renews by itself, from an authority that speaks ACME (RFC 8555) such as
  Let's Encrypt. The authority validates the names over plain HTTP on port 80 (HTTP-01), so port 80 must lead to
  [network] plain_address.`,
  {
    domains: stringOrList(
      '',
      { allowed: "'', or a host name such as 'tracker.example.com'", check: checkDomain },
      `The host names of the certificate. '' gets none: [network] then says where the certificate is.`,
    ),
    path: string(
      '',
      { check: refuseNul },
      `The folder for the certificate, its key and the account key. The tracker's user must be able to write to it. It is
      created if missing. Until the first certificate arrives, the tracker uses one that no client trusts.`,
    ),
    terms_accepted: boolean(
      false,
      `Set it to true to accept the authority's terms of service, which is required.`,
    ),
    email: string(
      '',
      { allowed: "'', or an e-mail address", check: checkEmail },
      `An e-mail address at which the authority can reach you.`,
    ),
    directory: string(
      'https://acme-v02.api.letsencrypt.org/directory',
      { allowed: 'a URL', check: checkDirectory },
      `The URL of the authority's ACME directory. Use the authority's staging directory to try things out: the
      production one refuses a name for hours after a few failures.`,
    ),
  },
)

export interface AcmeConfig {
  readonly domains: string | readonly string[]
  readonly path: string
  readonly terms_accepted: boolean
  readonly email: string
  readonly directory: string
}

export function acmeDomains({ domains }: AcmeConfig): readonly string[] {
  return listOf(domains)
}

export interface AcmeFiles {
  readonly certificate: string
  readonly key: string
  readonly account: string
  /** The folder that holds the responses to the authority's challenges. */
  readonly webroot: string
}

export function acmeFiles({ path }: AcmeConfig): AcmeFiles {
  return {
    certificate: join(path, 'certificate.pem'),
    key: join(path, 'key.pem'),
    account: join(path, 'account-key.pem'),
    webroot: join(path, 'webroot'),
  }
}

interface AcmeSurroundings {
  readonly use_tls: boolean
  readonly tls_certificate_path: string | readonly string[]
  readonly tls_pkcs12_path: string
  readonly plain_address: string | readonly string[]
  readonly acme_webroot: string
}

export function acmeFindings(
  acme: AcmeConfig,
  network: AcmeSurroundings,
  privileges: { readonly drop_privileges: boolean; readonly chroot_path: string },
): Finding[] {
  if (acmeDomains(acme).length === 0) return idleFindings(acme)
  const found: Finding[] = []
  const add = (path: string, text: string) => found.push(problem([path], text))
  if (!network.use_tls) add('acme.domains', '[acme] domains needs [network] use_tls = true.')
  if (acme.path === '')
    add('acme.domains', '[acme] domains needs [acme] path, a folder for the certificate.')
  if (!acme.terms_accepted) {
    add(
      'acme.terms_accepted',
      `[acme] terms_accepted is false: read the authority's terms of service and set it to true.`,
    )
  }
  if (listOf(network.tls_certificate_path).length > 0 || network.tls_pkcs12_path !== '') {
    add('acme.domains', '[network] names a certificate and [acme] gets one: remove one of the two.')
  }
  if (listOf(network.plain_address).length === 0) {
    add(
      'acme.domains',
      '[acme] domains needs [network] plain_address: the authority connects to it on port 80.',
    )
  }
  if (privileges.drop_privileges && privileges.chroot_path !== '/') {
    const text = `[acme] needs system files (resolver configuration, root certificates) that are not below [privileges]
      chroot_path: set it to '/', have systemd start the tracker as another user, or get the certificate by certbot.`
    add('acme.domains', text)
  }
  if (network.acme_webroot !== '') {
    const text = `[network] acme_webroot has no effect with [acme] domains: the tracker gets its certificate by itself and
      serves its own challenges. Remove one of the two.`
    found.push(warning(['network.acme_webroot'], text))
  }
  return found
}

/** What is set for a certificate that the tracker is not to get. */
function idleFindings(acme: AcmeConfig): Finding[] {
  const keys = ['path', 'terms_accepted', 'email', 'directory'] as const
  return keys
    .filter((key) => acme[key] !== acmeSettings.settings[key].defaultValue)
    .map((key) => {
      const text = `[acme] ${key} has no effect without domains: name the host there whose certificate the tracker is to get.`
      return warning([`acme.${key}`], text)
    })
}

function checkDomain(text: string) {
  if (text === '' || /^(?:[a-z0-9_](?:[a-z0-9-]{0,62})\.)*[a-z0-9-]{1,63}$/i.test(text)) return null
  const fault = text.includes('*') ? 'has a wildcard' : 'is not a host name'
  return {
    fault,
    remedy: "Write one such as 'tracker.example.com'; HTTP-01 cannot validate wildcards",
  }
}

function checkEmail(text: string) {
  if (text === '' || /^[^\s@]+@[^\s@]+$/.test(text)) return null
  return { fault: 'is not an e-mail address', remedy: "Write one such as 'admin@example.com'" }
}

function checkDirectory(text: string) {
  const url = URL.parse(text)
  if (url !== null && url.protocol === 'https:') return null
  return {
    fault: 'is not an https URL',
    remedy: "Write the URL of the authority's directory, such as 'https://acme.example/dir'",
  }
}
