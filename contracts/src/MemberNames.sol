// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Anchored} from "./Anchored.sol";
import {Roles} from "./Roles.sol";
import {Signatures} from "./Signatures.sol";

/// @title Names of members: first come, never given to another member
/// @notice The anchor relays what the owner signed: it can delay, it can't forge. A name's member never changes; the key that
/// answers for it can be rotated by its holder.
contract MemberNames is Anchored, Signatures {
    struct Name {
        bytes32 member;
        address owner;
        uint64 rotations;
    }

    /// @dev Not [a-z0-9-]{3,32}.
    error NotAName();
    error NameTaken(bytes32 member);
    /// @dev An owner has one name.
    error OwnerTaken(bytes32 name);
    error NoSuchName();
    /// @dev Zero is no member and no owner.
    error Zero();

    event Registered(bytes32 indexed name, bytes32 indexed member, address indexed owner);
    event Rotated(bytes32 indexed name, address indexed previous, address indexed next, uint64 rotations);

    bytes32 private constant REGISTER_TYPE = keccak256("Register(string name,bytes32 member,address owner)");
    bytes32 private constant ROTATE_TYPE =
        keccak256("Rotate(string name,address owner,address next,uint64 rotations)");

    mapping(bytes32 => Name) private names;
    /// @notice The name of an owner, its bytes from the left, zeros after; zero without one.
    mapping(address => bytes32) public nameOf;

    constructor(Roles roles_) Anchored(roles_) {}

    function register(string calldata name, bytes32 member, address owner, bytes calldata signature) external onlyAnchor {
        bytes32 key = keyOf(name);
        if (member == 0 || owner == address(0)) revert Zero();
        if (names[key].member != 0) revert NameTaken(names[key].member);
        if (nameOf[owner] != 0) revert OwnerTaken(nameOf[owner]);
        requireSigned(owner, keccak256(abi.encode(REGISTER_TYPE, keccak256(bytes(name)), member, owner)), signature);
        names[key] = Name(member, owner, 0);
        nameOf[owner] = key;
        emit Registered(key, member, owner);
    }

    /// @notice Both the owner so far and the next one sign; the previous address is free for another name afterwards.
    function rotate(
        string calldata name,
        address next,
        bytes calldata signature,
        bytes calldata nextSignature
    ) external onlyAnchor {
        bytes32 key = keyOf(name);
        Name storage held = names[key];
        address previous = held.owner;
        if (held.member == 0) revert NoSuchName();
        if (next == address(0)) revert Zero();
        if (nameOf[next] != 0) revert OwnerTaken(nameOf[next]);
        bytes32 message =
            keccak256(abi.encode(ROTATE_TYPE, keccak256(bytes(name)), previous, next, held.rotations));
        requireSigned(previous, message, signature);
        requireSigned(next, message, nextSignature);
        held.owner = next;
        held.rotations++;
        delete nameOf[previous];
        nameOf[next] = key;
        emit Rotated(key, previous, next, held.rotations);
    }

    /// @notice Who holds a name; all zero when it is free.
    function recordOf(string calldata name) external view returns (Name memory) {
        return names[keyOf(name)];
    }

    function keyOf(string calldata name) private pure returns (bytes32) {
        bytes calldata text = bytes(name);
        if (text.length < 3 || text.length > 32) revert NotAName();
        for (uint256 i = 0; i < text.length; i++) {
            bytes1 c = text[i];
            if (!((c >= "a" && c <= "z") || (c >= "0" && c <= "9") || c == "-")) revert NotAName();
        }
        return bytes32(text);
    }
}
