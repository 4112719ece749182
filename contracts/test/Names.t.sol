// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MemberNames} from "../src/MemberNames.sol";
import {Signatures} from "../src/Signatures.sol";
import {Base} from "./Base.sol";

contract NamesTest is Base {
    function setUp() public {
        deploy(address(0));
    }

    function register(uint256 key, string memory name, bytes32 member) private {
        address owner = vm.addr(key);
        bytes memory signed = claim(key, name, member, owner);
        vm.prank(ANCHOR);
        names.register(name, member, owner, signed);
    }

    function testFuzzFirstCome(uint256 a, uint256 b, bytes32 member, bytes32 other) public {
        a = 1 + a % (ORDER - 1);
        b = 1 + b % (ORDER - 1);
        vm.assume(a != b && member != 0 && other != 0);
        register(a, "anna", member);
        address owner = vm.addr(b);
        bytes memory signed = claim(b, "anna", other, owner);
        vm.prank(ANCHOR);
        vm.expectRevert(abi.encodeWithSelector(MemberNames.NameTaken.selector, member));
        names.register("anna", other, owner, signed);
        check(names.recordOf("anna").member == member, "member");
        check(names.nameOf(vm.addr(a)) == bytes32("anna"), "name");
    }

    function testFuzzOnlyTheOwnerSigns(uint256 a, uint256 b, bytes32 member) public {
        a = 1 + a % (ORDER - 1);
        b = 1 + b % (ORDER - 1);
        vm.assume(a != b && member != 0);
        address owner = vm.addr(a);
        bytes memory signed = claim(b, "anna", member, owner);
        vm.prank(ANCHOR);
        vm.expectRevert(Signatures.WrongSignature.selector);
        names.register("anna", member, owner, signed);
    }

    function testASignatureHasOneForm() public {
        address owner = vm.addr(5);
        bytes32 kind = keccak256("Register(string name,bytes32 member,address owner)");
        bytes32 structHash = keccak256(abi.encode(kind, keccak256("anna"), bytes32(uint256(1)), owner));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(5, digest(names.domainSeparator(), structHash));
        bytes memory twin = abi.encodePacked(r, bytes32(ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        vm.prank(ANCHOR);
        vm.expectRevert(Signatures.WrongSignature.selector);
        names.register("anna", bytes32(uint256(1)), owner, twin);
    }

    function testASignatureIsForOneChain() public {
        address owner = vm.addr(5);
        bytes memory signed = claim(5, "anna", bytes32(uint256(1)), owner);
        vm.chainId(777);
        vm.prank(ANCHOR);
        vm.expectRevert(Signatures.WrongSignature.selector);
        names.register("anna", bytes32(uint256(1)), owner, signed);
    }

    function testFuzzNames(bytes calldata text) public {
        bool good = text.length >= 3 && text.length <= 32;
        for (uint256 i = 0; i < text.length && good; i++) {
            uint8 c = uint8(text[i]);
            good = (c >= 97 && c <= 122) || (c >= 48 && c <= 57) || c == 45;
        }
        address owner = vm.addr(5);
        bytes memory signed = claim(5, string(text), bytes32(uint256(1)), owner);
        vm.prank(ANCHOR);
        if (!good) vm.expectRevert(MemberNames.NotAName.selector);
        names.register(string(text), bytes32(uint256(1)), owner, signed);
    }

    function testFuzzRotation(uint256 a, uint256 b, uint256 c) public {
        a = 1 + a % (ORDER - 1);
        b = 1 + b % (ORDER - 1);
        c = 1 + c % (ORDER - 1);
        vm.assume(a != b && a != c && b != c);
        register(a, "anna", bytes32(uint256(1)));
        (bytes memory old, bytes memory next) = rotation(a, b, 0);
        (bytes memory wrong,) = rotation(c, b, 0);
        vm.startPrank(ANCHOR);
        address to = vm.addr(b);
        vm.expectRevert(Signatures.WrongSignature.selector);
        names.rotate("anna", to, wrong, next);
        vm.expectRevert(Signatures.WrongSignature.selector);
        names.rotate("anna", to, old, wrong);
        names.rotate("anna", to, old, next);
        check(names.recordOf("anna").owner == to && names.recordOf("anna").rotations == 1, "rotated");
        check(names.recordOf("anna").member == bytes32(uint256(1)), "member");
        check(names.nameOf(vm.addr(a)) == 0 && names.nameOf(to) == bytes32("anna"), "owners");
        vm.expectRevert();
        names.rotate("anna", to, old, next);
    }

    function rotation(uint256 from, uint256 to, uint64 rotations) private returns (bytes memory, bytes memory) {
        bytes32 kind = keccak256("Rotate(string name,address owner,address next,uint64 rotations)");
        address owner = names.recordOf("anna").owner;
        bytes32 structHash =
            keccak256(abi.encode(kind, keccak256("anna"), owner, vm.addr(to), rotations));
        bytes32 separator = names.domainSeparator();
        return (signature(from, separator, structHash), signature(to, separator, structHash));
    }
}
