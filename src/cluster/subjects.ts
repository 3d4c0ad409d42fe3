// The subjects of a cluster's messages. The last token is always the sender, so that the engine's
// permissions can hold each account to its own name. Called by the link, and by whoever writes
// permissions for an engine.
//
//  <subject>.log.<sender>              batches of records, and beats
//  <subject>.sync.<node>.<sender>      asks a node for what the sender missed
//  <subject>.to.<node>.<sender>        batches in answer to that; <node> `all` when several asked
//  <subject>.wlog.<sender>             WebTorrent: who came, changed its role, left (ws/cluster/web-link.ts)
//  <subject>.sig.<node>.<sender>       WebTorrent: offers and answers, and copies of all peers

/** To more than one node; no node may have this name. */
export const ALL_NODES = 'all'

/** What a node's name may consist of, so that it is one token of a subject and safe in any text. */
export const NODE_NAME = /^[A-Za-z0-9_-]{1,32}$/

export interface Subjects {
  /** Where this node publishes its records. */
  readonly log: string
  /** Subscriptions. */
  readonly logs: string
  readonly requests: string
  readonly answers: string
  readonly commonAnswers: string
  /** Where this node asks `node`. */
  request(node: string): string
  /** Where this node answers `node`. */
  answer(node: string): string
  /** The same of WebTorrent: where this node publishes, what it subscribes to, and where it reaches `node`. */
  readonly webLog: string
  readonly webLogs: string
  readonly signals: string
  signal(node: string): string
}

export function subjectsOf(subject: string, self: string): Subjects {
  return {
    log: `${subject}.log.${self}`,
    logs: `${subject}.log.*`,
    requests: `${subject}.sync.${self}.*`,
    answers: `${subject}.to.${self}.*`,
    commonAnswers: `${subject}.to.${ALL_NODES}.*`,
    request: (node) => `${subject}.sync.${node}.${self}`,
    answer: (node) => `${subject}.to.${node}.${self}`,
    webLog: `${subject}.wlog.${self}`,
    webLogs: `${subject}.wlog.*`,
    signals: `${subject}.sig.${self}.*`,
    signal: (node) => `${subject}.sig.${node}.${self}`,
  }
}

/** Who sent it: '' when the last token is no node's name. */
export function senderOf(subject: string): string {
  const name = subject.slice(subject.lastIndexOf('.') + 1)
  return NODE_NAME.test(name) && name !== ALL_NODES ? name : ''
}
