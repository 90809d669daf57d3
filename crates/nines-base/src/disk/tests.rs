use super::*;

fn write(disk: &dyn Disk, path: &Path, bytes: &[u8], sync: bool) {
    let mut file = disk.create(path).unwrap();
    file.write_all(bytes).unwrap();
    if sync {
        file.sync_data().unwrap();
        disk.sync_dir(path.parent().unwrap()).unwrap();
    }
}

/// The contract that both disks keep.
fn contract(disk: &dyn Disk, root: &Path) {
    let folder = root.join("a/b");
    disk.create_dir(&folder).unwrap();
    disk.create_dir(&folder).unwrap();
    write(disk, &folder.join("one"), b"1", true);
    assert_eq!(disk.create(&folder.join("one")).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
    disk.rename(&folder.join("one"), &folder.join("two")).unwrap();
    assert_eq!(disk.list(&folder).unwrap(), ["two"]);
    assert_eq!(disk.list(root).unwrap(), ["a"]);
    assert_eq!(disk.read(&folder.join("two")).unwrap(), b"1");
    assert_eq!(disk.size(&folder.join("two")).unwrap(), 1);
    publish(disk, &folder.join("three"), |file| file.write_all(b"33")).unwrap();
    publish(disk, &folder.join("three"), |file| file.write_all(b"333")).unwrap();
    assert_eq!(disk.read(&folder.join("three")).unwrap(), b"333");
    disk.remove(&folder.join("three")).unwrap();
    assert_eq!(disk.read(&folder.join("three")).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(disk.list(&root.join("nothing")).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(disk.free_bytes(root).unwrap() > 0);
}

#[test]
fn both_disks_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract(&RealDisk, folder.path());
    let simulated = SimDisk::new(1);
    simulated.create_dir(Path::new("/data")).unwrap();
    contract(&simulated, Path::new("/data"));
}

#[test]
fn a_crash_keeps_what_was_synced_and_may_tear_the_rest() {
    let (mut torn, mut absent) = (false, false);
    for seed in 0..50 {
        let disk = SimDisk::new(seed);
        disk.create_dir(Path::new("/d")).unwrap();
        write(&disk, Path::new("/d/synced"), b"kept", true);
        write(&disk, Path::new("/d/loose"), b"perhaps", false);
        disk.crash();
        assert_eq!(disk.read(Path::new("/d/synced")).unwrap(), b"kept");
        match disk.read(Path::new("/d/loose")) {
            Ok(content) => {
                assert!(b"perhaps".starts_with(&content[..]));
                torn |= content.len() < 7;
            }
            Err(_) => absent = true,
        }
    }
    assert!(torn && absent, "50 seeds show both outcomes");
}

#[test]
fn a_failed_sync_poisons_the_handle_as_on_linux() {
    let disk = SimDisk::new(3);
    disk.create_dir(Path::new("/d")).unwrap();
    let mut file = disk.create(Path::new("/d/f")).unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    file.write_all(b"gone").unwrap();
    disk.inject(Fault::SyncError);
    assert!(file.sync_data().is_err());
    file.sync_data().unwrap();
    disk.crash();
    assert_eq!(disk.read(Path::new("/d/f")).unwrap(), b"");
}

#[test]
fn publishing_is_all_or_nothing_at_every_crash_point() {
    let path = Path::new("/d/file");
    for at in 0..20 {
        let disk = SimDisk::new(at);
        disk.create_dir(Path::new("/d")).unwrap();
        publish(&disk, path, |file| file.write_all(b"old")).unwrap();
        disk.crash_at_operation(disk.operations() + at);
        let published = publish(&disk, path, |file| file.write_all(b"new!")).is_ok();
        disk.crash();
        let content = disk.read(path).unwrap();
        assert!(content == b"new!" || (!published && content == b"old"), "operation {at}: {content:?}");
    }
}
