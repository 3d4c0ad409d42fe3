// Settings that most users of a tracker change, which `-p --short` prints, by path. Used by the programs of all
// protocols.
export const TRACKER_COMMON = [
  'log_level',
  'socket_workers',
  'network.address',
  'operations.address',
  'access_list.mode',
  'access_list.path',
  'persistence.path',
] as const

export const TLS_COMMON = [
  ...TRACKER_COMMON,
  'network.use_tls',
  'network.tls_certificate_path',
  'network.tls_private_key_path',
  'network.trusted_proxies',
] as const
