// Constants of Linux for calls through ffi.ts, by their names in the system's headers. They are the same on
// x86-64 and arm64.

// Errors
export const EPERM = 1
export const EINTR = 4
export const EAGAIN = 11
export const ENOMEM = 12
export const EACCES = 13
export const EBUSY = 16
export const ENFILE = 23
export const EMFILE = 24
export const ENAMETOOLONG = 36
export const EOPNOTSUPP = 95
export const EAFNOSUPPORT = 97
export const EADDRNOTAVAIL = 99
export const ENOBUFS = 105
export const ECONNREFUSED = 111
export const EINPROGRESS = 115

// Sockets: families, types, protocols
export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10
export const AF_XDP = 44
export const AF_PACKET = 17
export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_NONBLOCK = 0o4000
export const SOCK_CLOEXEC = 0o2000000
export const IPPROTO_TCP = 6
export const IPPROTO_UDP = 17
export const IPPROTO_RAW = 255

// Sockets: options by level
export const SOL_SOCKET = 1
export const SO_REUSEADDR = 2
export const SO_SNDBUF = 7
export const SO_RCVBUF = 8
export const SO_LINGER = 13
export const SO_REUSEPORT = 15
export const SO_ACCEPTCONN = 30
export const SO_RCVBUFFORCE = 33
export const SO_MEMINFO = 55
export const SOL_IP = 0
export const IP_PKTINFO = 8
export const IP_MTU_DISCOVER = 10
/** For IPv6 sockets, too. */
export const IP_BIND_ADDRESS_NO_PORT = 24
export const IP_PMTUDISC_OMIT = 5
export const SOL_IPV6 = 41
export const IPV6_V6ONLY = 26
export const IPV6_RECVPKTINFO = 49
export const IPV6_PKTINFO = 50
export const TCP_NODELAY = 1
export const TCP_DEFER_ACCEPT = 9
export const TCP_INFO = 11
export const TCP_QUICKACK = 12
export const SOL_UDP = 17
export const UDP_SEGMENT = 103

// Sockets: sending and receiving
export const MSG_DONTWAIT = 0x40
export const MSG_NOSIGNAL = 0x4000
export const MSG_MORE = 0x8000
export const SHUT_WR = 1
export const SHUT_RDWR = 2

// Descriptors and files
export const EFD_NONBLOCK = 0o4000
export const EFD_CLOEXEC = 0o2000000
export const EPOLL_CLOEXEC = 0o2000000
export const EPOLL_CTL_ADD = 1
export const EPOLL_CTL_MOD = 3
export const EPOLLIN = 1
export const EPOLLOUT = 4
export const EPOLLRDHUP = 0x2000
export const POLLIN = 1
export const POLLERR = 8
export const POLLNVAL = 0x20
export const F_GETFL = 3
export const F_DUPFD_CLOEXEC = 1030
export const F_SETFL = 4
export const O_NONBLOCK = 0o4000
export const F_OFD_SETLK = 37
export const F_WRLCK = 1
export const F_UNLCK = 2
/** As a folder: a path is used as given. */
export const AT_FDCWD = -100
/** Asks for the effective user and group, not the real ones. */
export const AT_EACCESS = 0x200

// Processes and memory
export const CAP_SETPCAP = 8
export const CLOCK_MONOTONIC = 1
export const PROT_READ = 1
export const PROT_WRITE = 2
export const MAP_SHARED = 1
export const MAP_PRIVATE = 2
export const MAP_ANONYMOUS = 0x20
export const MAP_POPULATE = 0x8000
export const MADV_DONTNEED = 4
export const MADV_HUGEPAGE = 14
export const PR_CAPBSET_READ = 23
export const PR_CAPBSET_DROP = 24
export const PR_SET_NO_NEW_PRIVS = 38
export const PR_GET_NO_NEW_PRIVS = 39
export const RLIMIT_NOFILE = 7
export const SCHED_OTHER = 0
export const SIG_BLOCK = 0
export const SIG_UNBLOCK = 1

// The clock's state
export const TIME_ERROR = 5
export const STA_UNSYNC = 0x40

// Sockets of packets as they come from a network card
export const SOL_XDP = 283
export const XDP_MMAP_OFFSETS = 1
export const XDP_RX_RING = 2
export const XDP_TX_RING = 3
export const XDP_UMEM_REG = 4
export const XDP_UMEM_FILL_RING = 5
export const XDP_UMEM_COMPLETION_RING = 6
export const XDP_STATISTICS = 7
export const XDP_MAX_TX_SKB_BUDGET = 9
export const XDP_PGOFF_RX_RING = 0
export const XDP_PGOFF_TX_RING = 0x80000000
export const XDP_UMEM_PGOFF_FILL_RING = 0x100000000
export const XDP_UMEM_PGOFF_COMPLETION_RING = 0x180000000
export const XDP_COPY = 2
export const XDP_ZEROCOPY = 4
export const XDP_USE_NEED_WAKEUP = 8
export const XDP_RING_NEED_WAKEUP = 1
export const XDP_FLAGS_SKB_MODE = 2
export const XDP_FLAGS_DRV_MODE = 4

// Programs for the kernel. The call's number is that of x86-64; arm64 has another.
export const SYS_BPF = process.arch === 'arm64' ? 280 : 321
export const BPF_MAP_CREATE = 0
export const BPF_MAP_LOOKUP_ELEM = 1
export const BPF_MAP_UPDATE_ELEM = 2
export const BPF_MAP_DELETE_ELEM = 3
export const BPF_PROG_LOAD = 5
export const BPF_PROG_TEST_RUN = 10
export const BPF_OBJ_GET_INFO_BY_FD = 15
export const BPF_LINK_CREATE = 28
export const BPF_LINK_DETACH = 34
export const BPF_MAP_TYPE_HASH = 1
export const BPF_MAP_TYPE_ARRAY = 2
export const BPF_MAP_TYPE_XSKMAP = 17
export const BPF_F_MMAPABLE = 1024
export const BPF_PROG_TYPE_XDP = 6
export const BPF_XDP = 37

// Network cards
export const SIOCGIFFLAGS = 0x8913
export const SIOCGIFMTU = 0x8921
export const SIOCGIFHWADDR = 0x8927
export const IFF_UP = 1
export const SIOCGIFVLAN = 0x8982
export const GET_VLAN_REALDEV_NAME_CMD = 8
export const SIOCETHTOOL = 0x8946
export const ETHTOOL_GRINGPARAM = 0x10
export const ETHTOOL_SRINGPARAM = 0x11
export const ETHTOOL_GCHANNELS = 0x3c
