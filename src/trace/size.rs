//! A number of bytes, for a person.

/// `784 bytes`, `1.2 MiB`: the largest unit of which there is one, with one decimal place.
pub fn size(bytes: u64) -> String {
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_said_in_the_largest_unit_that_fits() {
        let told: Vec<_> = [0, 1023, 1536, (5 << 20) - 1, 3 << 30].map(size).into();
        assert_eq!(told, ["0 bytes", "1023 bytes", "1.5 KiB", "4.9 MiB", "3.0 GiB"]);
    }
}
