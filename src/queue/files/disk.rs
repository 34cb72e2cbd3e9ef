//! What kind of disk a database is on. Those that other machines may have too are not for it: a lock of the operating system
//! holds on one machine, and the index of `SQLite`'s WAL is memory that only processes of one machine share.

use std::path::Path;

/// The kind of disk behind a path, where other machines may use it as well; the file need not be there yet.
#[cfg(target_os = "linux")]
pub fn shared(path: &Path) -> Option<String> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statfs, statx};
    let real = crate::queue::files::own_files::resolved(path);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // A single file can be mounted too; what is beside it is in the folder.
    [real.parent(), Some(real.as_path())].into_iter().flatten().find_map(|place| {
        let number = statfs(place).ok()?.f_type;
        let mount = statx(CWD, place, AtFlags::empty(), StatxFlags::MNT_ID).map_or(0, |found| found.stx_mnt_id);
        kind(type_of(&mounts, mount), u64::try_from(number).unwrap_or_default() & 0xffff_ffff)
    })
}

/// Elsewhere nothing tells.
#[cfg(not(target_os = "linux"))]
pub fn shared(_path: &Path) -> Option<String> {
    None
}

/// The type of a file system by the lines of /proc/self/mountinfo: the word after the lone dash.
fn type_of(mounts: &str, mount: u64) -> Option<&str> {
    let of = |line: &&str| line.split(' ').next().is_some_and(|id| id.parse() == Ok(mount));
    mounts.lines().find(of)?.split_once(" - ")?.1.split(' ').next()
}

/// File systems whose files other machines may have open too: what they are called here, what they call themselves, and their
/// numbers in statfs(2). `fuse` alone says nothing of what is behind it; `fuseblk` is a disk of this machine.
const KINDS: [(&str, &[&str], &[u64]); 21] = [
    ("NFS", &["nfs", "nfs4"], &[0x6969]),
    ("SMB", &["cifs", "smb3", "smbfs"], &[0x517b, 0xff53_4d42, 0xfe53_4d42]),
    ("NCP", &["ncpfs"], &[0x564c]),
    ("9P", &["9p"], &[0x0102_1997]),
    ("FUSE", &["fuse"], &[0x6573_5546]),
    ("virtiofs", &["virtiofs"], &[]),
    ("VirtualBox", &["vboxsf"], &[0x786f_4256]),
    ("Parallels", &["prl_fs"], &[]),
    ("AFS", &["afs", "kafs"], &[0x5346_414f, 0x6b41_4653]),
    ("Coda", &["coda"], &[0x7375_7245]),
    ("Ceph", &["ceph"], &[0x00c3_6400]),
    ("GlusterFS", &["glusterfs"], &[]),
    ("Lustre", &["lustre"], &[0x0bd0_0bd0]),
    ("GPFS", &["gpfs"], &[0x4750_4653]),
    ("BeeGFS", &["beegfs"], &[]),
    ("OrangeFS", &["orangefs", "pvfs2"], &[0x2003_0528]),
    ("PanFS", &["panfs"], &[]),
    ("WekaFS", &["wekafs"], &[]),
    ("GFS2", &["gfs2"], &[0x0116_1970]),
    ("OCFS2", &["ocfs2"], &[0x7461_636f]),
    ("ACFS", &["acfs"], &[]),
];

/// The kind by type and number: one of the two may be missing, or be that of a layer above.
fn kind(type_: Option<&str>, number: u64) -> Option<String> {
    match type_ {
        Some("fuseblk") => return None,
        Some(fuse) if fuse.starts_with("fuse.") => return Some(format!("FUSE, {}", fuse.trim_start_matches("fuse."))),
        _ => {}
    }
    let by_type = KINDS.iter().find(|(_, types, _)| type_.is_some_and(|type_| types.contains(&type_)));
    let known = by_type.or_else(|| KINDS.iter().find(|(_, _, numbers)| numbers.contains(&number)));
    known.map(|(kind, ..)| (*kind).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
35 21 0:44 / /mnt/a\\040b rw shared:7 master:3 - nfs4 server:/export rw,vers=4.2
36 21 0:45 / /mnt/s3 rw,nosuid - fuse.s3fs s3fs rw,user_id=0
37 21 8:17 / /mnt/usb rw - fuseblk /dev/sdb1 rw
";

    #[test]
    fn a_disk_that_other_machines_may_have_is_known_by_its_type_or_its_number() {
        let of = |mount, number| kind(type_of(MOUNTS, mount), number);
        assert_eq!(of(21, 0xef53), None);
        assert_eq!(of(35, 0x6969).as_deref(), Some("NFS"));
        assert_eq!(of(36, 0x6573_5546).as_deref(), Some("FUSE, s3fs"));
        assert_eq!(of(37, 0x6573_5546), None, "a disk of this machine");
        // No /proc, or none that tells.
        assert_eq!(of(99, 0x6573_5546).as_deref(), Some("FUSE"));
        assert_eq!(of(99, 0xff53_4d42).as_deref(), Some("SMB"));
        // Layers of containers, and disks in memory.
        for (type_, number) in
            [("overlay", 0x794c_7630), ("tmpfs", 0x0102_1994), ("btrfs", 0x9123_683e), ("zfs", 0x2fc1_2fc1)]
        {
            assert_eq!(kind(Some(type_), number), None, "{type_}");
        }
        for (name, types, numbers) in KINDS {
            assert!(types.iter().all(|type_| kind(Some(type_), 0).as_deref() == Some(name)), "{name}");
            assert!(numbers.iter().all(|number| kind(None, *number).as_deref() == Some(name)), "{name}");
        }
    }
}
