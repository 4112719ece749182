// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title EIP-712 messages of one contract on one chain
/// @notice Signatures are 65 bytes r, s, v with s in the lower half and v 27 or 28: one message has one valid signature.
abstract contract Signatures {
    /// @dev The signature isn't the expected signer's.
    error WrongSignature();

    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    /// @dev Half of the order of secp256k1.
    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// @notice The EIP-712 domain separator; computed each time, so that a chain's split doesn't carry signatures over.
    function domainSeparator() public view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, keccak256("Allmend"), keccak256("1"), block.chainid, address(this)));
    }

    /// @dev Reverts unless `signer` signed the struct with this hash.
    function requireSigned(address signer, bytes32 structHash, bytes calldata signature) internal view {
        if (signature.length != 65) revert WrongSignature();
        bytes32 r = bytes32(signature[0:32]);
        bytes32 s = bytes32(signature[32:64]);
        uint8 v = uint8(signature[64]);
        if (uint256(s) > HALF_ORDER || (v != 27 && v != 28)) revert WrongSignature();
        address found = ecrecover(keccak256(abi.encodePacked("\x19\x01", domainSeparator(), structHash)), v, r, s);
        if (found == address(0) || found != signer) revert WrongSignature();
    }
}
