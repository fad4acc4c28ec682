//! Which addresses may be connected to.
//!
//! The name of an image is chosen by whoever writes a manifest, so it must not lead to what only this
//! machine can reach: its own services, and the metadata service of its cloud, which gives out
//! credentials. Addresses of private networks are allowed, since registries stand there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// A range of addresses that no image name leads to, unless the registry's configuration allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) enum AddressRange {
    /// This machine: `127.0.0.0/8` and `::1`.
    Loopback,
    /// The machine's own link: `169.254.0.0/16` and `fe80::/10`.
    LinkLocal,
    /// Where clouds keep a machine's credentials.
    Metadata,
}

impl AddressRange {
    fn describe(self) -> &'static str {
        match self {
            Self::Loopback => "an address of this machine (loopback)",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the metadata service of a cloud",
        }
    }

    /// The name in the registries file.
    fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::LinkLocal => "linkLocal",
            Self::Metadata => "metadata",
        }
    }
}

/// The addresses of metadata services.
///
/// Sources: [AWS](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html)
/// (and [for EKS pods](https://docs.aws.amazon.com/eks/latest/userguide/pod-id-agent-setup.html)),
/// [Azure](https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16),
/// [Alibaba](https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata),
/// [Oracle](https://docs.oracle.com/iaas/Content/Compute/Tasks/gettingmetadata.htm).
const METADATA: [IpAddr; 7] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

/// An address may not be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    #[error(
        "{address} is {}, which image names may not lead to; if the registry is there, allow it by \
         allowAddresses: [{}] of its entry in the registries file",
        range.describe(),
        range.name()
    )]
    Range {
        address: IpAddr,
        range: AddressRange,
    },
    #[error("{0} is no address of one machine")]
    NotOneHost(IpAddr),
}

/// Whether an address may be connected to.
pub(crate) fn check(address: IpAddr, allowed: &[AddressRange]) -> Result<(), AddressError> {
    let address = without_embedding(address);
    if !is_one_host(address) {
        return Err(AddressError::NotOneHost(address));
    }
    match range_of(address) {
        Some(range) if !allowed.contains(&range) => Err(AddressError::Range { address, range }),
        _ => Ok(()),
    }
}

fn range_of(address: IpAddr) -> Option<AddressRange> {
    let is_link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    if METADATA.contains(&address) {
        Some(AddressRange::Metadata)
    } else if address.is_loopback() {
        Some(AddressRange::Loopback)
    } else if is_link_local {
        Some(AddressRange::LinkLocal)
    } else {
        None
    }
}

fn is_one_host(address: IpAddr) -> bool {
    let is_this_network = match address {
        // Linux takes 0.0.0.0 for this machine; the rest of the network has no meaning.
        IpAddr::V4(v4) => v4.octets()[0] == 0 || v4.is_broadcast(),
        IpAddr::V6(_) => false,
    };
    !address.is_unspecified() && !address.is_multicast() && !is_this_network
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, or through NAT64
/// ([RFC 6052](https://www.rfc-editor.org/rfc/rfc6052#section-2.1)) or 6to4
/// ([RFC 3056](https://www.rfc-editor.org/rfc/rfc3056#section-2)).
fn without_embedding(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1 => v4(high, low),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_only_this_machine_can_reach_are_refused() {
        use AddressRange::{LinkLocal, Loopback, Metadata};

        for (address, range) in [
            ("127.0.0.1", Some(Loopback)),
            ("127.255.0.3", Some(Loopback)),
            ("::1", Some(Loopback)),
            ("::ffff:127.0.0.1", Some(Loopback)),
            ("::127.0.0.1", Some(Loopback)),
            ("64:ff9b::7f00:1", Some(Loopback)),
            ("2002:7f00:1::", Some(Loopback)),
            ("169.254.0.1", Some(LinkLocal)),
            ("fe80::1", Some(LinkLocal)),
            ("febf::1", Some(LinkLocal)),
            ("169.254.169.254", Some(Metadata)),
            ("::ffff:169.254.169.254", Some(Metadata)),
            ("64:ff9b::a9fe:a9fe", Some(Metadata)),
            ("2002:a9fe:a9fe::1", Some(Metadata)),
            ("169.254.170.2", Some(Metadata)),
            ("168.63.129.16", Some(Metadata)),
            ("100.100.100.200", Some(Metadata)),
            ("fd00:ec2::254", Some(Metadata)),
            ("10.0.0.1", None),
            ("172.16.3.4", None),
            ("192.168.1.1", None),
            ("fd12:3456::1", None),
            ("203.0.113.7", None),
            ("2001:db8::1", None),
        ] {
            let address: IpAddr = address.parse().unwrap();
            let found = match check(address, &[]) {
                Ok(()) => None,
                Err(AddressError::Range { range, .. }) => Some(range),
                Err(error) => panic!("{address}: {error}"),
            };
            assert_eq!(found, range, "{address}");
            if let Some(range) = range {
                assert_eq!(check(address, &[range]), Ok(()), "{address}");
            }
        }
    }

    #[test]
    fn addresses_of_no_machine_are_refused_whatever_is_allowed() {
        let all = [
            AddressRange::Loopback,
            AddressRange::LinkLocal,
            AddressRange::Metadata,
        ];
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "255.255.255.255",
            "224.0.0.1",
            "::",
            "ff02::1",
            "::ffff:0.0.0.0",
        ] {
            let address: IpAddr = address.parse().unwrap();
            let found = check(address, &all);
            assert!(
                matches!(found, Err(AddressError::NotOneHost(_))),
                "{address}"
            );
        }
    }
}
