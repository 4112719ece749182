// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Balancer} from "./Balancer.sol";
import {LogHeads} from "./LogHeads.sol";
import {MemberNames} from "./MemberNames.sol";
import {Providers} from "./Providers.sol";
import {Roles} from "./Roles.sol";
import {Signatures} from "./Signatures.sol";

/// @title The one address of a pool's ledger
/// @notice Creates the other contracts and names them forever. Three roles: the anchor relays and anchors, the admitter (if
/// any) signs providers in, the admin exchanges all three by signature. Without an admin (zero) the roles stay as they are.
contract Directory is Signatures, Roles {
    /// @param pool the pool's id
    /// @param anchor the tracker's address on this chain
    /// @param admitter who must sign admissions of providers; zero: the anchor's word is enough
    /// @param unitBytes bytes that a unit of capacity stands for
    /// @param ramp units that a provider may be trusted with before audits have shown anything
    struct Settings {
        bytes32 pool;
        address admin;
        address anchor;
        address admitter;
        uint64 unitBytes;
        uint32 ramp;
    }

    enum Role {
        Admin,
        Anchor,
        Admitter
    }

    /// @dev The anchoring address can't be zero.
    error NoAnchor();

    event RoleChanged(Role indexed role, address indexed previous, address indexed next, uint256 nonce);

    bytes32 private constant GOVERN_TYPE = keccak256("Govern(uint8 role,address next,uint256 nonce)");

    bytes32 public immutable pool;
    MemberNames public immutable names;
    Providers public immutable providers;
    Balancer public immutable balancer;
    LogHeads public immutable heads;

    address public admin;
    address public anchor;
    address public admitter;
    /// @notice Changes of roles so far: what the next one must sign.
    uint256 public nonce;

    constructor(Settings memory settings) {
        if (settings.anchor == address(0)) revert NoAnchor();
        pool = settings.pool;
        admin = settings.admin;
        anchor = settings.anchor;
        admitter = settings.admitter;
        names = new MemberNames(this);
        providers = new Providers(this, settings.unitBytes, settings.ramp);
        balancer = providers.balancer();
        heads = new LogHeads(this);
        emit RoleChanged(Role.Admin, address(0), settings.admin, 0);
        emit RoleChanged(Role.Anchor, address(0), settings.anchor, 0);
        emit RoleChanged(Role.Admitter, address(0), settings.admitter, 0);
    }

    /// @notice Gives a role to another address; anybody may relay what the admin signed.
    function govern(Role role, address next, bytes calldata signature) external {
        requireSigned(admin, keccak256(abi.encode(GOVERN_TYPE, role, next, nonce)), signature);
        address previous;
        if (role == Role.Admin) {
            (previous, admin) = (admin, next);
        } else if (role == Role.Anchor) {
            if (next == address(0)) revert NoAnchor();
            (previous, anchor) = (anchor, next);
        } else {
            (previous, admitter) = (admitter, next);
        }
        emit RoleChanged(role, previous, next, ++nonce);
    }
}
