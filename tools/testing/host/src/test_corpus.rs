// SPDX-License-Identifier: GPL-2.0

//! The inputs that the fuzzer keeps (tools/testing/fuzz), replayed without it: what once was found
//! stays tested.

use super::fuzz;

/// Has the named target check each input of a text: hexadecimal, one a line, "-" for the empty one.
fn replay(name: &str, text: &str) {
    let (_, check) = fuzz::ALL
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a target");
    let entries = text.lines().map(|line| line.split('#').next().unwrap());
    let entries = entries.map(str::trim).filter(|entry| !entry.is_empty());
    let mut count = 0;
    for entry in entries {
        println!("{name} {entry}");
        check(&input(entry));
        count += 1;
    }
    assert!(count > 0, "{name} has no inputs");
}

fn input(entry: &str) -> Vec<u8> {
    if entry == "-" {
        return Vec::new();
    }
    assert!(entry.len() % 2 == 0, "{entry}");
    (0..entry.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&entry[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

macro_rules! targets {
    ($($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                const TEXT: &str =
                    include_str!(concat!("../../fuzz/corpus/", stringify!($name), ".hex"));
                replay(stringify!($name), TEXT);
            }
        )+

        #[test]
        fn every_target_is_replayed() {
            let here = [$(stringify!($name)),+];
            let all: Vec<&str> = fuzz::ALL.iter().map(|(name, _)| *name).collect();
            assert_eq!(here[..], all[..]);
        }
    };
}

targets!(arp, change, config, extensions, frame, header, nd, octets, sizes);
