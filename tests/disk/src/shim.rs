//! The shim: a file system for SQLite that wraps the default one and takes its place. Files outside of every mounted
//! folder are opened by the wrapped one alone.
//!
//! SQLite allocates one block for each file, aligned to 8: ours comes first in it, the wrapped one's behind it.

use crate::state::{Op, Ruling, State};
use libsqlite3_sys as ffi;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::mem::{align_of, size_of};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

type Shared = Arc<Mutex<State>>;

static MOUNTED: Mutex<Vec<(PathBuf, Shared)>> = Mutex::new(Vec::new());
static WRAPPED: OnceLock<Wrapped> = OnceLock::new();

/// The default file system, which SQLite never frees.
struct Wrapped(*mut ffi::sqlite3_vfs);

// SAFETY: SQLite itself shares the file systems among its threads.
unsafe impl Send for Wrapped {}
// SAFETY: as above.
unsafe impl Sync for Wrapped {}

/// A file of ours.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    path: *mut PathBuf,
    state: *const Mutex<State>,
    /// Whether the next sync is one of the folder too, as SQLite does it for a journal or a WAL that may be new.
    with_folder: bool,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // 2: shared memory, and no mapping of the file itself, so that every access is an operation.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

pub(crate) fn mount(folder: &Path, state: &Shared) {
    WRAPPED.get_or_init(register);
    mounted().push((folder.to_owned(), Arc::clone(state)));
}

pub(crate) fn unmount(folder: &Path) {
    mounted().retain(|(other, _)| other != folder);
}

fn mounted() -> MutexGuard<'static, Vec<(PathBuf, Shared)>> {
    MOUNTED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn state_of(path: &Path) -> Option<Shared> {
    mounted().iter().find(|(folder, _)| path.starts_with(folder)).map(|(_, state)| Arc::clone(state))
}

fn register() -> Wrapped {
    // SAFETY: both calls begin by initialising SQLite where that has not happened. What is registered lives as long as
    // the process, and so does what it points to.
    unsafe {
        let wrapped = ffi::sqlite3_vfs_find(std::ptr::null());
        assert!(!wrapped.is_null(), "SQLite has a file system");
        let mut ours = *wrapped;
        ours.szOsFile += c_int::try_from(size_of::<File>()).expect("a small block");
        ours.zName = c"snapferry-test-disk".as_ptr();
        ours.pNext = std::ptr::null_mut();
        ours.xOpen = Some(open);
        ours.xDelete = Some(delete);
        let registered = ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 1);
        assert_eq!(registered, ffi::SQLITE_OK);
        Wrapped(wrapped)
    }
}

fn wrapped() -> *mut ffi::sqlite3_vfs {
    WRAPPED.get().expect("registered before anything is opened").0
}

/// # Safety
/// `name` is null or a string of C.
unsafe fn path_of(name: *const c_char) -> Option<PathBuf> {
    if name.is_null() {
        return None;
    }
    // SAFETY: the caller says so.
    let name = unsafe { CStr::from_ptr(name) };
    Some(PathBuf::from(OsStr::from_bytes(name.to_bytes())))
}

unsafe extern "C" fn open(
    _vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite hands over a block of szOsFile bytes, and a name that outlives the file.
    unsafe {
        let open = (*wrapped()).xOpen.expect("it opens");
        let path = path_of(name);
        let Some((path, state)) = path.and_then(|path| state_of(&path).map(|state| (path, state))) else {
            return open(wrapped(), name, file, flags, out_flags);
        };
        (*file).pMethods = std::ptr::null();
        let mut locked = state.lock().unwrap_or_else(PoisonError::into_inner);
        if locked.is_dead() {
            return ffi::SQLITE_CANTOPEN;
        }
        let held = std::fs::read(&path).ok();
        let opened = open(wrapped(), name, real(file), flags, out_flags);
        if opened != ffi::SQLITE_OK {
            return opened;
        }
        locked.opened(&path, || held);
        drop(locked);
        file.cast::<File>().write(File {
            base: ffi::sqlite3_file { pMethods: &raw const METHODS },
            path: Box::into_raw(Box::new(path)),
            state: Arc::into_raw(state),
            with_folder: flags & ffi::SQLITE_OPEN_CREATE != 0
                && flags & (ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL) != 0,
        });
        opened
    }
}

unsafe extern "C" fn delete(_vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    // SAFETY: SQLite hands over a name, and the wrapped one's method is called as SQLite would.
    unsafe {
        let delete = (*wrapped()).xDelete.expect("it deletes");
        let Some(path) = path_of(name) else { return ffi::SQLITE_IOERR_DELETE };
        let Some(state) = state_of(&path) else { return delete(wrapped(), name, sync_folder) };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_dead() {
            return ffi::SQLITE_IOERR_DELETE;
        }
        let deleted = delete(wrapped(), name, sync_folder);
        if deleted == ffi::SQLITE_OK {
            state.deleted(&path, sync_folder != 0);
        }
        deleted
    }
}

/// The wrapped file behind ours.
///
/// # Safety
/// `file` is a block of szOsFile bytes.
unsafe fn real(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    const { assert!(size_of::<File>().is_multiple_of(8) && align_of::<File>() <= 8) };
    // SAFETY: the block is as large as both together.
    unsafe { file.cast::<u8>().add(size_of::<File>()).cast() }
}

/// Calls the method of the wrapped file.
macro_rules! pass {
    ($file:ident . $method:ident ( $($argument:expr),* )) => {{
        // SAFETY: a file of ours has an open wrapped one behind it, whose methods are called as SQLite would call them.
        unsafe {
            let real = real($file);
            let method = (*(*real).pMethods).$method.expect("the file system of the platform has every method");
            method(real $(, $argument)*)
        }
    }};
}

/// What belongs to a file: its path, and its disk, locked.
///
/// # Safety
/// `file` was opened by `open` above.
unsafe fn of<'a>(file: *mut ffi::sqlite3_file) -> (&'a Path, MutexGuard<'a, State>) {
    // SAFETY: both were made there and go only with `close`.
    unsafe {
        let ours = file.cast::<File>();
        ((*(*ours).path).as_path(), (*(*ours).state).lock().unwrap_or_else(PoisonError::into_inner))
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let closed = pass!(file.xClose());
    // SAFETY: SQLite closes a file once, and does not use it again.
    unsafe {
        let ours = file.cast::<File>().read();
        drop(Box::from_raw(ours.path));
        drop(Arc::from_raw(ours.state));
        (*file).pMethods = std::ptr::null();
    }
    closed
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, amount: c_int, at: i64) -> c_int {
    // SAFETY: a file of ours.
    let (_, mut state) = unsafe { of(file) };
    match state.rule(Op::Read) {
        Ruling::Pass | Ruling::PassUnheard => pass!(file.xRead(into, amount, at)),
        Ruling::Full | Ruling::Short | Ruling::Error => ffi::SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, amount: c_int, at: i64) -> c_int {
    // SAFETY: a file of ours.
    let (path, mut state) = unsafe { of(file) };
    let place = usize::try_from(at).expect("a place in a file");
    // SAFETY: SQLite hands over so many bytes.
    let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), usize::try_from(amount).expect("a length")) };
    let ruling = state.rule(Op::Write);
    let (amount, answer) = match ruling {
        Ruling::Pass => (amount, ffi::SQLITE_OK),
        Ruling::PassUnheard => (amount, ffi::SQLITE_IOERR_WRITE),
        Ruling::Short => (amount / 2, ffi::SQLITE_FULL),
        Ruling::Full => return ffi::SQLITE_FULL,
        Ruling::Error => {
            if state.is_dead() {
                // It was under way: some of it may have reached the disk.
                state.wrote(path, place, bytes);
            }
            return ffi::SQLITE_IOERR_WRITE;
        }
    };
    let written = pass!(file.xWrite(from, amount, at));
    if written == ffi::SQLITE_OK {
        let length = usize::try_from(amount).expect("a length");
        state.wrote(path, place, &bytes[..length]);
        return answer;
    }
    written
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: i64) -> c_int {
    // SAFETY: a file of ours.
    let (path, mut state) = unsafe { of(file) };
    let answer = match state.rule(Op::Write) {
        // Less takes no room.
        Ruling::Pass | Ruling::Full | Ruling::Short => ffi::SQLITE_OK,
        Ruling::PassUnheard => ffi::SQLITE_IOERR_TRUNCATE,
        Ruling::Error => return ffi::SQLITE_IOERR_TRUNCATE,
    };
    let cut = pass!(file.xTruncate(length));
    if cut == ffi::SQLITE_OK {
        state.cut(path, usize::try_from(length).expect("a length"));
        return answer;
    }
    cut
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: a file of ours.
    let (path, mut state) = unsafe { of(file) };
    // Nothing goes to the real disk for good: what a loss of power leaves is the model's to say.
    let answer = match state.rule(Op::Sync) {
        Ruling::Pass => ffi::SQLITE_OK,
        Ruling::PassUnheard => ffi::SQLITE_IOERR_FSYNC,
        Ruling::Full | Ruling::Short | Ruling::Error => return ffi::SQLITE_IOERR_FSYNC,
    };
    state.synced(path);
    // SAFETY: a file of ours, used by one thread at a time.
    if unsafe { std::mem::take(&mut (*file.cast::<File>()).with_folder) } {
        state.synced_folder();
    }
    answer
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    pass!(file.xFileSize(size))
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    pass!(file.xLock(level))
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    pass!(file.xUnlock(level))
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    pass!(file.xCheckReservedLock(out))
}

unsafe extern "C" fn file_control(file: *mut ffi::sqlite3_file, op: c_int, argument: *mut c_void) -> c_int {
    pass!(file.xFileControl(op, argument))
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    pass!(file.xSectorSize())
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    pass!(file.xDeviceCharacteristics())
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    memory: *mut *mut c_void,
) -> c_int {
    pass!(file.xShmMap(page, size, extend, memory))
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, offset: c_int, count: c_int, flags: c_int) -> c_int {
    pass!(file.xShmLock(offset, count, flags))
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    pass!(file.xShmBarrier());
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    pass!(file.xShmUnmap(delete))
}
