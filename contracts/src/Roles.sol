// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Who may do what in a pool's ledger
interface Roles {
    /// @notice Relays what members and providers signed, and anchors heads.
    function anchor() external view returns (address);

    /// @notice Must sign admissions of providers; zero: nobody has to.
    function admitter() external view returns (address);
}
